"""People of one name are told apart by their numbers, over deliveries and lessons; what is unclear is asked."""

from pathlib import PurePosixPath

from classrooms import NAME

from course_lib.school.classroom.collecting.telling_apart import Claim, Told, tell_apart
from course_lib.school.classroom.collecting.whose import folders_around, owner_of
from course_lib.school.classroom.who_is_who import Names, Person

NEXT = "08_pagination"
MOODLE = "_assignsubmission_file_/x.ipynb"


def told(*paths: str, names: Names | None = None, lesson: str = NAME, same: bool = False) -> Told:
    """Whose these files are, each with content of its own, or all with the same."""
    around, crowded = folders_around(map(PurePosixPath, paths))
    claims = [
        Claim(
            path,
            "0" if same else path,
            owner_of(PurePosixPath(path), around=around),
            path.split("/")[0] in crowded,
        )
        for path in paths
    ]
    return tell_apart(claims, names or Names(), [], lesson)


def after(result: Told) -> Names:
    """What names.json knows after a delivery."""
    return Names(dict(result.people), {each.key: "" for each in result.questions}, {}, dict(result.numbers))


def whose(result: Told) -> list[str]:
    return [result.learners[place] for place in sorted(result.learners)]


def test_two_of_one_name_keep_their_numbers() -> None:
    result = told(f"Anna Berg_11{MOODLE}", f"Anna Berg_12{MOODLE}", f"Ben_13{MOODLE}")
    assert whose(result) == ["Anna_Berg_11", "Anna_Berg_12", "Ben"]
    assert result.people["Anna_Berg_12"] == Person("Anna Berg", "Moodle", "12")
    assert result.questions == []


def test_a_number_keeps_its_folder_when_another_one_of_the_name_comes() -> None:
    first = told(f"Anna Berg_11{MOODLE}")
    again = told(f"Anna Berg_11{MOODLE}", f"Anna Berg_12{MOODLE}", names=after(first))
    assert (whose(first), whose(again)) == (["Anna_Berg"], ["Anna_Berg", "Anna_Berg_12"])


def test_participants_always_have_their_number() -> None:
    result = told(f"Participant_11{MOODLE}", f"Participant_12{MOODLE}")
    assert whose(result) == ["Participant_11", "Participant_12"]
    other_language = told(f"Teilnehmer_in_11{MOODLE}", names=after(result))
    assert whose(other_language) == ["Participant_11"]


def test_one_person_has_one_folder_whatever_canvas_writes_beside_the_number() -> None:
    first = told(f"bergannalena_4711_9001_{NAME}.ipynb")
    later = told(f"bergannalena_LATE_4711_9455_{NAME}-1.ipynb", names=after(first), lesson=NEXT)
    renamed = told(f"kurzannalena_4711_9999_{NAME}.ipynb", names=after(first))
    assert whose(first) == whose(later) == whose(renamed) == ["bergannalena"]


def test_moodles_numbers_are_new_in_each_assignment() -> None:
    names = after(told(f"Anna Berg_11{MOODLE}", f"Ben_12{MOODLE}"))
    assert whose(told(f"Anna Berg_57{MOODLE}", f"Ben_58{MOODLE}", names=names, lesson=NEXT)) == [
        "Anna_Berg",
        "Ben",
    ]


def test_two_of_one_name_with_new_numbers_are_asked_about() -> None:
    names = after(told(f"Anna Berg_11{MOODLE}", f"Anna Berg_12{MOODLE}"))
    result = told(f"Anna Berg_57{MOODLE}", f"Anna Berg_58{MOODLE}", names=names, lesson=NEXT)
    assert (whose(result), len(result.questions)) == ([], 2)
    names.whose[f"Anna Berg_57{MOODLE}"] = "Anna_Berg_12"
    answered = told(f"Anna Berg_57{MOODLE}", f"Anna Berg_57{MOODLE}2", names=names, lesson=NEXT)
    assert (whose(answered), answered.numbers) == (["Anna_Berg_12"] * 2, {"Moodle 08 57": "Anna_Berg_12"})
    kept = told(f"Anna Berg_11{MOODLE}", f"Anna Berg_12{MOODLE}", names=names, lesson=NEXT)
    assert whose(kept) == ["Anna_Berg_11", "Anna_Berg_12"]


def test_one_name_from_two_places_is_asked_about_and_not_merged() -> None:
    result = told("red/Anna Berg/x.ipynb", "red/Ben/x.ipynb", "blue/Anna Berg/x.ipynb", "blue/Eva/x.ipynb")
    assert whose(result) == ["Eva", "Ben"]
    assert [each.place for each in result.questions] == ["red/Anna Berg/x.ipynb", "blue/Anna Berg/x.ipynb"]
    assert whose(told("red/Anna/x.ipynb", "red/Ben/x.ipynb", "blue/Anna/x.ipynb", "blue/Ben/x.ipynb", same=True)) == [
        "Anna", "Ben", "Anna", "Ben",
    ]  # fmt: skip


def test_one_answer_of_two_leaves_the_other_question_open() -> None:
    paths = ("Anna/x.ipynb", f"{NAME}_Anna.ipynb")
    names = after(told(*paths))
    names.whose[paths[0]] = "Anna"
    half = told(*paths, names=names)
    assert (half.learners, [each.place for each in half.questions]) == ({paths[0]: "Anna"}, [paths[1]])
    names.whose[paths[1]] = "-"
    assert (told(*paths, names=names).questions, told(*paths, names=names).left_out) == ([], {paths[1]})


def test_an_answer_is_for_the_notebook_that_was_asked_about() -> None:
    place = f"{NAME}.ipynb"
    names = Names(whose={place: "Anna"}, asked={place: "another one"})
    result = told(place, names=names)
    assert (result.learners, result.questions[0].key) == ({}, f"{place} ({place[:8]})")
    assert told(place, names=Names(whose={place: "Anna"})).learners == {place: "Anna"}


def test_an_answer_that_can_be_no_folder_is_asked_again() -> None:
    place = f"{NAME}.ipynb"
    assert "no folder" in told(place, names=Names(whose={place: ".."})).questions[0].why


def test_an_answer_that_is_several_peoples_name_is_asked_again() -> None:
    place = f"{NAME}.ipynb"
    names = after(told(f"Anna Berg_11{MOODLE}", f"Anna Berg_12{MOODLE}"))
    names.whose[place] = "Anna Berg"
    assert "Anna_Berg_11, Anna_Berg_12" in told(place, names=names).questions[0].why
    names.whose[place] = "anna_berg_12"
    assert told(place, names=names).learners == {place: "Anna_Berg_12"}


def test_the_same_names_in_another_order_are_asked_about_with_the_one_that_is_known() -> None:
    names = after(told("Jürgen_Müller/x.ipynb"))
    result = told("Müller Jürgen/x.ipynb", "Müller Anna/x.ipynb", names=names)
    assert (whose(result), [each.guess for each in result.questions]) == (["Müller_Anna"], ["Jürgen_Müller"])
    assert whose(told("Müller, Jürgen/x.ipynb", names=names)) == ["Jürgen_Müller"]


def test_a_name_without_a_number_is_asked_about_where_several_have_it() -> None:
    names = after(told(f"Anna Berg_11{MOODLE}", f"Anna Berg_12{MOODLE}"))
    assert [each.place for each in told(f"{NAME}_Anna Berg.ipynb", names=names).questions] == [
        f"{NAME}_Anna Berg.ipynb"
    ]
    assert whose(told(f"{NAME}_Anna Berg.ipynb", names=after(told(f"Anna Berg_11{MOODLE}")))) == ["Anna_Berg"]


def test_what_teams_and_brightspace_pack_for_one_person_is_one_persons() -> None:
    assert set(whose(told(
        "Submitted files/Anna/Eager loading/Version 1/x.ipynb", "Submitted files/Anna/Eager loading/Version 2/x.ipynb",
        "Working files/Anna/Eager loading/x.ipynb",
        "1-2 - Ben - Mar 1, 2026 1200 PM/x.ipynb", "1-2 - Ben - Mar 2, 2026 100 PM/x.ipynb",
    ))) == {"Anna", "Ben"}  # fmt: skip


def test_a_word_for_everybody_in_an_unknown_language_is_no_persons_name() -> None:
    names = after(told(*(f"Nobody_{number}{MOODLE}" for number in (1, 2, 3))))
    later = told(*(f"Nobody_{number}{MOODLE}" for number in (7, 8, 9)), names=names, lesson=NEXT)
    assert (whose(later), later.questions) == (["Nobody_7", "Nobody_8", "Nobody_9"], [])
