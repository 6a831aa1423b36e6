"""Words in a file's name that name nobody, in the languages of platforms, systems and learners.

A program writes some of them (`Copy of`, `- Kopie`, `(1)`), a learner the others (`final`, `v2`). What is left of a
name without them, and without the lesson, is somebody's name.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

_COPY = """
copy copies copie copia kopie kopia kopi kopio kopija kopyasi kopya kopyası másolat copias copies копия копія копии
コピー のコピー 副本 的副本 拷贝 的拷贝 拷貝 的拷貝 複本 的複本 복사본 사본 αντίγραφο αντίγραφου
másolat másolata salinan kopija koopia copiă nusxasi bản sao của نسخة من עותק של สำเนาของ کپی
"""
_KINDS = """
final finale finalized finished done draft drafts version versions revision rev revised updated update edited fixed old
new newest latest last late working work submit submitted submission submissions solution solutions solved answer
answers exercise exercises ex exo exercice exercices homework hw assignment assignments task tasks lab labs
lesson lessons week notebook notebooks jupyter ipynb download downloads downloaded untitled unnamed upload
uploads uploaded file files attachment attachments attempt backup checkpoint completed complete student students
learner handed turned class course courses group groups team teams section my_course handin folder
folders boxes school mail mails email emails whatsapp telegram inbox outbox home
abgabe abgaben aufgabe aufgaben übung übungen uebung uebungen hausaufgabe hausaufgaben lösung lösungen loesung lösungen
fertig entwurf endversion letzte verspätet verspaetet spät fassung überarbeitet korrigiert kurs klasse gruppe gruppen
einreichung einreichungen eingereicht eingereichte dateien datei arbeitsdateien arbeit schüler anhang ordner woche
lektion heruntergeladen unbenannt
devoir devoirs brouillon finale définitif définitive rendu rendus remise soumission soumissions corrigé solution leçon
groupe groupes classe cours étudiant fichier fichiers réponse réponses retard téléchargement
tarea tareas ejercicio ejercicios entrega entregas borrador versión solución respuesta respuestas lección grupo grupos
clase curso archivo archivos tarde definitivo descarga descargas
compito compiti esercizio esercizi consegna consegne bozza versione soluzione risposta lezione gruppo gruppi classe
corso ritardo definitivo scaricato
tarefa tarefas exercício exercícios rascunho versão solução resposta lição turma aula arquivo atrasado entregue
opdracht opdrachten huiswerk inlevering ingeleverd concept versie oplossing antwoord groep bestand definitief
zadanie zadania ćwiczenie ćwiczenia wersja rozwiązanie praca domowa lekcja grupa klasa plik szkic spóźnione odpowiedź
úkol úkoly cvičení verze řešení domácí lekce skupina třída soubor koncept odevzdáno odpověď
uppgift uppgifter övning övningar inlämning utkast lösning svar lektion grupp kurs filer senaste slutlig
opgave opgaver øvelse øvelser aflevering kladde løsning svar lektion gruppe filer endelig
oppgave oppgaver øving innlevering filer utkast løsning leksjon versjon endelig
tehtävä tehtävät harjoitus harjoitukset palautus luonnos versio ratkaisu vastaus ryhmä kurssi tiedosto lopullinen
ödev ödevi alıştırma teslim taslak sürüm çözüm cevap grup sınıf dosya geç kopyası dersi
задание задания упражнение упражнения домашняя домашнее работа черновик версия решение ответ урок группа класс файл
финал финальная финальный итог итоговая
завдання вправа вправи домашнє робота чернетка версія рішення розвязок відповідь урок група клас файл
課題 宿題 演習 提出 提出物 解答 回答 バージョン 最終版 最終 下書き 無題 ノートブック レポート
作业 作業 练习 練習 习题 提交 答案 版本 最终版 最终 草稿 未命名 课程 作业本
과제 숙제 연습 연습문제 제출 답안 버전 최종 최종본 초안 제목없음
ipynb txt json zip tar gz tgz bz2 xz 7z rar html htm pdf py md docx am pm uhr utc gmt anon
re fwd fw aw wg beadandó házi feladat megoldás végleges temă tema rezolvare soluție
εργασία άσκηση λύση τελικό תרגיל מטלה סופי واجب تمرين حل نهائي
bài tập tugas latihan การบ้าน
"""
_PERHAPS = """
my mine own now me mein meine neu neue neuer alt erste zweite dritte mon ma mes nouveau nouvelle
vieux mi mis nuevo nueva viejo mio mia nuovo nuova vecchio meu minha novo nova velho mijn nieuw
nieuwe oud mój moja moje nowy nowa stary můj nový nová starý min mitt ny nytt gammal mit gammel oma
uusi vanha benim yeni eski мой моя моё новый новая новое старый мій моя новий нова старий 私の 新しい 我的
新 旧 내 새 one two three first second third a an the of for to in on at and by with from try test tests
practice real good ok home class best mainly max part teil partie parte deel hand loading days time
day name names user users hold fil box ders klas person people unknown nobody somebody temp tmp data
database databases db python code sql
"""
_MONTHS = """
jan january feb february mar march apr april may jun june jul july aug august sep sept september oct
october nov november dec december januar februar märz mai juni juli oktober dezember
"""
_PARTICLES = """
of de del della di do da das dos van von vom der die des la le du z ze av af fra from dari et und and și
"""

_NUMBERED = """
student learner pupil user participant candidate person member group team pair schüler schueler teilnehmer gruppe
étudiant etudiant élève eleve participant groupe équipe equipe alumno alumna estudiante participante grupo equipo
studente studentessa gruppo aluno aluna equipa leerling deelnemer groep uczeń uczestnik grupa žák skupina elev deltagare
deltager deltaker gruppe grupp opiskelija osallistuja ryhmä öğrenci katılımcı grup студент ученик участник группа учень
учасник група 学生 生徒 班 조 학생
"""

Words = frozenset[str]


def fold(word: str) -> str:
    """A word as it is compared: composed or decomposed, with its accents or without them, in either case."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _folded(words: str) -> Words:
    return frozenset(map(fold, words.split()))


COPY = _folded(_COPY)
NOBODY = COPY | _folded(_KINDS)
"""Words that are dropped from both ends of a name."""
PERHAPS = _folded(_PERHAPS)
"""Words that name nobody where nothing else is left: Anna Neu and My Nguyen are people."""
MONTHS = _folded(_MONTHS)
"""Words that name nobody beside the digits of a date: Jan and April are people too."""
PEOPLE = _folded(_NUMBERED)
PARTICLES = _folded(_PARTICLES)
"""Words that are dropped right behind a word for a copy, and nowhere else: `Kopie von 07`, but Anna von Berg."""

VOWEL_SIGNS = "".join(
    letter for letter in map(chr, range(0x300, 0xABFF)) if unicodedata.category(letter) in ("Mn", "Mc")
)
"""Signs that are part of a letter: without them two Hindi names would be one. `\\w` does not know them."""
TOKEN = re.compile(
    rf"(?:(?<![^\W_])(?:{'|'.join(_NUMBERED.split())})[\W_]*\d+)(?![^\W_])|(?:[^\W_]|[{VOWEL_SIGNS}])+",
    re.IGNORECASE,
)
"""A word, or somebody who is known by a number alone: `student 07`, `Group 3`."""
NUMBERED = re.compile(r"(?P<word>[^\W\d_]*?)(?P<number>\d*)")
HASH = re.compile(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{8,}", re.IGNORECASE)
LONGEST_COUNT = 3
"""Digits of a copy's or an attempt's number; one with more can be what a school knows a learner by."""
LONGEST_NUMBER = 12
TIMES = {
    4: ("%Y",), 8: ("%Y%m%d", "%d%m%Y"), 10: ("epoch",), 12: ("%Y%m%d%H%M",), 13: ("epoch",), 14: ("%Y%m%d%H%M%S",),
}  # fmt: skip
"""How digits of each length can be read as a moment."""


def name_among(text: str, *, numbers: bool = False) -> str:
    """What is left of a text without words that name nobody at its ends, or ''. With `numbers`, short ones stay."""
    tokens = list(TOKEN.finditer(text))
    kept = _rest([token[0] for token in tokens], numbers=numbers)
    if kept is None:
        return _number_among([token[0] for token in tokens])
    first, last = kept
    return text[tokens[first].start() : tokens[last - 1].end()]


def _rest(tokens: Sequence[str], *, numbers: bool) -> tuple[int, int] | None:
    """Where the name begins and ends; None where it is nobody's."""
    first, last = 0, len(tokens)
    while first < last and (_is_nobody(tokens[first]) or _is_of(tokens[:first], tokens[first])):
        first += 1
    while last > first and _is_dropped_behind(tokens[:last], numbers=numbers):
        last -= 1
    left = tokens[first:last]
    dated = any(token.isdigit() for token in tokens)
    named = [token for token in left if not _is_perhaps(token) and not (dated and fold(token) in MONTHS)]
    return (first, last) if named else None


def _is_dropped_behind(tokens: Sequence[str], *, numbers: bool) -> bool:
    last = tokens[-1]
    counted = numbers and last.isdigit() and len(tokens) > 1 and not _is_nobody(tokens[-2])  # Anna Berg 2
    return _is_of(tokens[:-1], last) or (_is_nobody(last) and not counted)


def _is_of(before: Sequence[str], token: str) -> bool:
    """The `von` of `Kopie von`: a word that stands right behind one for a copy."""
    return bool(before) and fold(before[-1]) in COPY and fold(token) in PARTICLES


def _is_nobody(token: str) -> bool:
    parts = NUMBERED.fullmatch(token)
    if parts is None or is_numbered(token):
        return fold(token) in NOBODY
    word, number = fold(parts["word"]), parts["number"]
    if not word:
        return len(number) <= LONGEST_COUNT or is_time(number)
    return word in NOBODY or (bool(number) and word == "v")


def is_numbered(token: str) -> bool:
    """Whether a token is somebody with a number, as `student07`."""
    return (
        token[-1:].isdigit()
        and not token.isdigit()
        and fold(token.rstrip("0123456789").strip(" _-.#")) in PEOPLE
    )


def _is_perhaps(token: str) -> bool:
    if is_numbered(token):
        return False
    parts = NUMBERED.fullmatch(token)
    word = fold(parts["word"]) if parts else fold(token)
    if not word or _is_nobody(token) or HASH.fullmatch(token):
        return True
    return word in PERHAPS or (
        len(word) == 1 and word.isascii() and (parts is None or len(parts["number"]) < 4)
    )


def _number_among(tokens: Sequence[str]) -> str:
    """The one number by which a school may know a learner, or ''."""
    found = [token for token in tokens if token.isdecimal() and LONGEST_COUNT < len(token) <= LONGEST_NUMBER]
    found = [token for token in found if not is_time(token) and not _follows_a_date(token, tokens)]
    return found[0] if len(found) == 1 else ""


def _follows_a_date(token: str, tokens: Sequence[str]) -> bool:
    """120000 is a time of day in 20260301_120000."""
    before = tokens[tokens.index(token) - 1] if tokens.index(token) else ""
    return len(token) in (4, 6) and len(before) == len("20260301") and is_time(before)


def is_time(number: str) -> bool:
    """Whether digits can be read as a year, a day, or a second."""
    if not number.isascii() or not number.isdecimal():
        return False
    return any(_reads_as(number, form) for form in TIMES.get(len(number), ()))


def _reads_as(number: str, form: str) -> bool:
    if form == "epoch":
        return number.startswith(("15", "16", "17", "18"))
    try:
        return 1990 <= datetime.strptime(number, form).year <= 2090  # noqa: DTZ007  # a form, not a moment
    except ValueError:
        return False
