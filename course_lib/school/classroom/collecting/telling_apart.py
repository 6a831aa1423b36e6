"""Which learner each notebook belongs to: people of one name are told apart, and what is unclear is asked.

Somebody known by a platform's number keeps the folder. Notebooks from two places are never one person's only because
the names are the same: then a teacher is asked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby

from course_lib.school.classroom.collecting.whose import Owner, as_folder, key_of, names_in
from course_lib.school.classroom.who_is_who import LEAVE_OUT, OPEN, Names, Person

NOBODY = "does not say whose it is"
TWO_PLACES = "and another notebook have the same name, come from two places, and differ"
SEVERAL = "has the name of several learners"
CROWDED = "lies in a folder with notebooks that other people's names stand on"
UNKNOWN_NUMBER = "has the name of somebody whose number was another one"
MOST_OF_ONE_NAME = 3
"""So many of one name are no people of that name, but a word for all of them in a language that is not known here."""
OTHER_ORDER = "has the same names as {}: is that one person?"
SEVERAL_ANSWERED = "has an answer in names.json that is the name of several learners"
NO_NAME = "has an answer in names.json that can be no folder"


@dataclass(frozen=True)
class Claim:
    """A notebook and who its path names. `digest` is its content's; `crowded`: its folder may hold several people's;
    `guess` is what the notebook itself says."""

    place: str
    digest: str
    owner: Owner | None
    crowded: bool = False
    guess: str = ""


@dataclass(frozen=True)
class Question:
    """A notebook whose learner nobody could tell; `guess` is a learner's folder or name, or ''."""

    place: str
    why: str
    guess: str = ""
    key: str = ""
    digest: str = ""

    @property
    def proposal(self) -> str:
        return f"{OPEN} {self.guess}" if self.guess else ""


@dataclass
class Told:
    """Whose each notebook is, who these people are, and what has to be asked."""

    learners: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    people: dict[str, Person] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)

    def give(self, claim: Claim, learner: str, lesson: str, *, name: str = "") -> None:
        """Let a notebook be this learner's, and keep the number for the next time; `name` is a teacher's answer."""
        self.learners[claim.place] = learner
        owner = claim.owner or Owner(name)
        self.people.setdefault(learner, Person(name or owner.name, owner.platform, owner.number))
        if owner.number:
            self.numbers.setdefault(number_key(owner, lesson), learner)

    def ask(self, claim: Claim, why: str, guess: str = "", *, key: str) -> None:
        self.questions.append(Question(claim.place, why, guess or claim.guess, key, claim.digest))


def number_key(owner: Owner, lesson: str) -> str:
    """A platform's number as names.json knows it: one that is new in each assignment says which."""
    return " ".join([owner.platform, *([lesson[:2]] if owner.by_assignment else []), owner.number])


def tell_apart(claims: Iterable[Claim], names: Names, known: Iterable[str], lesson: str) -> Told:
    """Whose each notebook is. `known` are the learners who have a folder in the course already."""
    return _Class(names, list(dict.fromkeys([*names.learners, *known])), lesson).told(list(claims))


class _Class:
    """The people of a class while one delivery is taken in."""

    def __init__(self, names: Names, known: list[str], lesson: str) -> None:
        self.names, self.known, self.lesson = names, known, lesson
        self.result = Told()
        self.answered: set[str] = set()

    def told(self, claims: list[Claim]) -> Told:
        claims = _one_name_for_a_number(claims)
        self.answered = {claim.place for claim in claims if self._is_answered(claim)}
        for claim in claims:
            if claim.owner is None:
                self._ask(claim, NOBODY)
            elif claim.crowded:
                self._ask(claim, CROWDED, claim.guess or claim.owner.folder)
        sure = [claim for claim in claims if claim.owner is not None and not claim.crowded]
        named = [claim for claim in sure if claim.place not in self.result.left_out]
        for key, group in groupby(sorted(named, key=_key), key=_key):
            self._tell_apart(key, list(group))
        self._ask_of_names_in_another_order(named)
        return self.result

    # What a teacher answered

    def _is_answered(self, claim: Claim) -> bool:
        answer = self.names.answers.get(self._question_key(claim), "")
        if not answer:
            return False
        if answer == LEAVE_OUT:
            self.result.left_out.add(claim.place)
        elif not as_folder(answer):
            self._ask(claim, NO_NAME)
        elif len(called := self._learners_called(answer)) > 1:
            self._ask(claim, f"{SEVERAL_ANSWERED}: {', '.join(called)}")
        else:
            self.result.give(claim, called[0], self.lesson, name=answer)
        return True

    def _question_key(self, claim: Claim) -> str:
        """The place; another notebook that comes to the same place later is another question."""
        asked = self.names.asked.get(claim.place)
        same = asked in (None, claim.digest) or not self.names.answers.get(claim.place)
        return claim.place if same else f"{claim.place} ({claim.digest[:8]})"

    def _learners_called(self, name: str) -> list[str]:
        """A folder that is there, or else people of this name, or else a new one."""
        known = [learner for learner in self.known if learner.casefold() == as_folder(name).casefold()]
        return known or self._people_named(key_of(name)) or [as_folder(name)]

    def _ask(self, claim: Claim, why: str, guess: str = "") -> None:
        if claim.place not in self.answered:
            self.result.ask(claim, why, guess, key=self._question_key(claim))

    # People of one name

    def _tell_apart(self, key: str, claims: list[Claim]) -> None:
        numbered = {number: list(group) for number, group in _by_number(claims)}
        without = numbered.pop("", [])
        self._give_numbers(key, numbered)
        if without:
            self._give_without_number(key, without, [claim for group in numbered.values() for claim in group])

    def _give_numbers(self, key: str, numbered: dict[str, list[Claim]]) -> None:
        """A folder for each number: the one it is known by, or a new one, which has the number where two need it."""
        by_number = {number: self._known_by_number(key, group[0]) for number, group in numbered.items()}
        new = {number: numbered[number] for number, learner in by_number.items() if not learner}
        for number, learner in by_number.items():
            self._give(numbered[number], learner)
        anonymous = len(numbered) >= MOST_OF_ONE_NAME
        others = [] if anonymous else self._others_of_the_name(key, new, set(by_number.values()))
        if len(others) == 1 and len(new) == 1:
            self._give(next(iter(new.values())), others[0])
        elif others:
            for claim in (claim for group in new.values() for claim in group):
                self._ask(claim, UNKNOWN_NUMBER)
        else:
            for group in new.values():
                self._give(group, self._new_folder(group[0], alone=len(numbered) == 1))

    def _known_by_number(self, key: str, claim: Claim) -> str:
        owner = claim.owner
        if owner is None:
            return ""
        known = self.result.numbers | self.names.numbers
        if learner := known.get(number_key(owner, self.lesson)):
            return learner
        named = self._people_named(key) if owner.by_assignment else list(self.names.learners)
        return next((each for each in named if self._is_numbered(each, owner)), "")

    def _is_numbered(self, learner: str, owner: Owner) -> bool:
        person = self.names.learners.get(learner)
        return person is not None and (person.platform, person.number) == (owner.platform, owner.number)

    def _others_of_the_name(self, key: str, new: dict[str, list[Claim]], found: set[str]) -> list[str]:
        """Known people of this name who may be one of the new numbers: not those who have another for certain."""
        if not new:
            return []
        owner = next(iter(new.values()))[0].owner
        return [
            each
            for each in self._people_named(key)
            if each not in found and not self._has_another(each, owner)
        ]

    def _has_another(self, learner: str, owner: Owner | None) -> bool:
        if owner is None:
            return False
        if owner.by_assignment:
            here = f"{owner.platform} {self.lesson[:2]} "
            return any(
                number.startswith(here) and each == learner for number, each in self.names.numbers.items()
            )
        person = self.names.learners.get(learner, Person(""))
        return person.platform == owner.platform and person.number != ""

    def _new_folder(self, claim: Claim, *, alone: bool) -> str:
        owner = claim.owner
        name = owner.name if owner else ""
        wanted = as_folder(name)
        if owner and not owner.always_numbered and not (alone and self._is_free(wanted)):
            wanted = as_folder(f"{name} {owner.number}")
        while not self._is_free(wanted):
            wanted += "_2"
        return wanted

    def _is_free(self, folder: str) -> bool:
        return folder.casefold() not in {each.casefold() for each in (*self.known, *self.result.people)}

    def _give_without_number(self, key: str, claims: list[Claim], numbered: list[Claim]) -> None:
        learners = self._people_named(key) or [*dict.fromkeys(
            self.result.learners[claim.place] for claim in numbered if claim.place in self.result.learners
        )]  # fmt: skip
        places = {claim.owner.place for claim in claims if claim.owner}
        same = len({claim.digest for claim in [*claims, *numbered]}) == 1
        if len(learners) > 1:
            for claim in claims:
                self._ask(claim, SEVERAL)
        elif same or (len(places) == 1 and not numbered):
            self._give(claims, learners[0] if learners else self._new_folder_of(claims[0]))
        else:
            for claim in claims:
                self._ask(claim, TWO_PLACES, learners[0] if learners else self._new_folder_of(claim))

    def _new_folder_of(self, claim: Claim) -> str:
        return claim.owner.folder if claim.owner else ""

    def _people_named(self, key: str) -> list[str]:
        return [learner for learner in self.known if key in (key_of(learner), key_of(self._name_of(learner)))]

    def _name_of(self, learner: str) -> str:
        person = self.names.learners.get(learner)
        return person.name if person else learner

    def _give(self, claims: list[Claim], learner: str) -> None:
        for claim in claims:
            if learner and claim.place not in self.answered:
                self.result.give(claim, learner, self.lesson)

    # Jürgen Müller and Müller Jürgen

    def _ask_of_names_in_another_order(self, claims: list[Claim]) -> None:
        new = sorted({learner for learner in self.result.learners.values() if learner not in self.known})
        for place, learner in enumerate(new):
            other = self._same_names(learner, [*self.known, *new[:place]])
            asked = [claim for claim in claims if self.result.learners.get(claim.place) == learner]
            for claim in asked if other else ():
                del self.result.learners[claim.place]
                self._ask(claim, OTHER_ORDER.format(other), other)
            if other and asked:
                self._forget(learner)

    def _same_names(self, learner: str, others: list[str]) -> str:
        person = self.result.people[learner]
        return next((each for each in others if self._may_be(person, each)), "")

    def _may_be(self, person: Person, other: str) -> bool:
        known = self.result.people.get(other) or self.names.learners.get(other) or Person(other)
        told_apart = person.number and known.number and person.platform == known.platform
        return not told_apart and names_in(person.name) == names_in(known.name)

    def _forget(self, learner: str) -> None:
        self.result.people.pop(learner, None)
        self.result.numbers = {key: each for key, each in self.result.numbers.items() if each != learner}


def _key(claim: Claim) -> str:
    return key_of(claim.owner.name) if claim.owner else ""


def _by_number(claims: list[Claim]) -> Iterator[tuple[str, Iterator[Claim]]]:
    def number(claim: Claim) -> str:
        return f"{claim.owner.platform} {claim.owner.number}" if claim.owner and claim.owner.number else ""

    return groupby(sorted(claims, key=number), key=number)


def _one_name_for_a_number(claims: list[Claim]) -> list[Claim]:
    """One number is one person, whatever a platform writes beside it."""
    first: dict[tuple[str, str], Owner] = {}
    for claim in claims:
        if claim.owner and claim.owner.number:
            first.setdefault((claim.owner.platform, claim.owner.number), claim.owner)
    return [_under(claim, first) for claim in claims]


def _under(claim: Claim, first: dict[tuple[str, str], Owner]) -> Claim:
    if not claim.owner or not claim.owner.number:
        return claim
    name = first[claim.owner.platform, claim.owner.number].name
    return replace(claim, owner=replace(claim.owner, name=name))
