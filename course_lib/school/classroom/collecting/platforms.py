"""How each platform packs what learners hand in: its form, where that is written, and examples that a test reads.

A pattern is looked for in the whole path of a file. It names its parts: `name`; `number`, by which the platform knows
a learner; `time`, when it was handed in; `version`, the later the higher; `batch`, what all files of one delivery
share. A platform without a pattern changes the names of files alone, and `words` knows how.
"""

import re
from dataclasses import dataclass

Example = tuple[str, str, str]
PARTICIPANT = "|".join((
    "Participant", "Participant/in", "Teilnehmer/in", "Teilnehmer", "Teilnehmerin", "Teilnehmer_in", "Participante",
    "Partecipante", "Deelnemer", "Uczestnik", "Účastník", "Deltagare", "Deltager", "Deltaker", "Osallistuja",
    "Katılımcı", "Участник", "Учасник", "参加者", "参与者", "參與者", "参与人", "참가자", "참여자",
    "Résztvevő", "Συμμετέχων", "Sudionik", "Polaznik", "Udeleženec", "Участващ", "Dalyvis", "Dalībnieks", "Osaleja",
    "Peserta", "Parte-hartzailea", "Þátttakandi", "Người tham gia", "משתתף", "مشارك", "ผู้เข้าร่วม", "Cyfranogwr",
))  # fmt: skip
VERSION = "|".join((
    "Version", "Versión", "Versione", "Versão", "Versie", "Wersja", "Verze", "Versjon", "Versio", "Sürüm", "Версия",
    "Версія", "バージョン", "版本", "버전",
))  # fmt: skip
SUBMITTED = (
    r"Submitted files|Eingereichte Dateien|Fichiers (?:soumis|envoyés|remis)|Archivos enviados|File inviati"
)
WORKING = r"Working files|Arbeitsdateien|Fichiers de travail|Archivos de trabajo|File di lavoro"


@dataclass(frozen=True)
class Platform:
    """One form of one platform.

    `by_assignment`: the same learner has another number in the next lesson. `always_numbered`: the number is all that
    names a learner. `draft`: what lies there was not handed in, and counts where nothing else does. `loose`: a folder
    of anybody's may look like that, such as one around a whole class.
    """

    name: str
    source: str
    pattern: str = ""
    examples: tuple[Example, ...] = ()
    by_assignment: bool = False
    always_numbered: bool = False
    draft: bool = False
    loose: bool = False

    def search(self, path: str) -> re.Match[str] | None:
        """The first place that fits; of a loose form the last, as the folder around it may look the same."""
        found = [*re.finditer(self.pattern, path, re.IGNORECASE)] if self.pattern else []
        return found[-1 if self.loose else 0] if found else None


FILE = "07_eager_loading.ipynb"
MOODLE_SOURCE = "github.com/moodle/moodle, mod/assign/classes/downloader.php"
CANVAS_SOURCE = "github.com/instructure/canvas-lms, lib/content_zipper.rb"
NBGRADER_SOURCE = "nbgrader.readthedocs.io, and github.com/jupyter/nbgrader, nbgrader/exchange"

PLATFORMS = (
    Platform(
        "Moodle", f"{MOODLE_SOURCE} (blind marking; the word is the site's language's)",
        rf"(?:^|/)(?P<name>{PARTICIPANT})[ _](?P<number>\d+)(?=[_/. ]|$)",
        (
            (f"Participant_11_assignsubmission_file_/{FILE}", "Participant 11", "11"),
            (f"Participant_11_assignsubmission_file/{FILE}", "Participant 11", "11"),
            (f"Participant 11/{FILE}", "Participant 11", "11"),
            (f"Participant_11_{FILE}", "Participant 11", "11"),
            (f"Teilnehmer_in_11_assignsubmission_file_/{FILE}", "Teilnehmer in 11", "11"),
            (f"Participante_12_assignsubmission_file_/{FILE}", "Participante 12", "12"),
            (f"参加者_13_assignsubmission_file_/{FILE}", "参加者 13", "13"),
        ),
        by_assignment=True, always_numbered=True,
    ),
    Platform(
        "Moodle", f"{MOODLE_SOURCE} (in folders and flat; a team without a number is the default group)",
        r"(?:^|/)(?P<name>[^/]+?)(?:_(?P<number>\d+))?_assignsubmission_[a-z]+(?=[_/.]|$)",
        (
            (f"Anna Berg_4711_assignsubmission_file_/{FILE}", "Anna Berg", "4711"),
            (f"Anna Berg_4711_assignsubmission_file/{FILE}", "Anna Berg", "4711"),
            (f"Anna Berg_4711_assignsubmission_file_/work/Copy of {FILE}", "Anna Berg", "4711"),
            (f"Anna Berg_4711_assignsubmission_file_{FILE}", "Anna Berg", "4711"),
            ("Anna Berg_4711_assignsubmission_onlinetext_/onlinetext.html", "Anna Berg", "4711"),
            ("Anna Berg_4711_assignsubmission_onlinetext/onlinetext.html", "Anna Berg", "4711"),
            (f"Default group_assignsubmission_file_/{FILE}", "Default group", ""),
            (f"DB1-Week 7-8123/Zoë Ångström_12_assignsubmission_file_/{FILE}", "Zoë Ångström", "12"),
        ),
        by_assignment=True,
    ),
    Platform(
        "Canvas", f"{CANVAS_SOURCE} (anonymous)",
        r"(?:^|/)(?:LATE_)?(?P<name>anon)_(?P<number>[A-Za-z0-9]+)_(?:\d+_[^/]+|text\.html|link\.html)",
        (
            (f"anon_aB3dE_9001_{FILE}", "anon aB3dE", "aB3dE"),
            (f"LATE_anon_aB3dE_9001_{FILE}", "anon aB3dE", "aB3dE"),
        ),
        by_assignment=True, always_numbered=True,
    ),
    Platform(
        "Canvas", f"{CANVAS_SOURCE} (sortable name in small letters, LATE, user, file)",
        r"(?:^|/)(?P<name>[^\W\d_][\w'’-]*?)(?:_LATE)?_(?P<number>[1-9]\d*)_(?:[1-9]\d*_[^/]+|text\.html|link\.html)",
        (
            (f"bergannalena_4711_9001_{FILE}", "bergannalena", "4711"),
            ("bergannalena_LATE_4711_9455_07_eager_loading-1.ipynb", "bergannalena", "4711"),
            ("bergannalena_4711_9001_Copy of 07_eager_loading (1).ipynb", "bergannalena", "4711"),
            (f"submissions/bergannalena_4711_9001_{FILE}", "bergannalena", "4711"),
            (f"o'brien-smithann_4711_9001_{FILE}", "o'brien-smithann", "4711"),
            ("bergannalena_4711_text.html", "bergannalena", "4711"),
            (f"bergannalena_4711_9001_07/{FILE}", "bergannalena", "4711"),
        ),
        loose=True,
    ),
    Platform(
        "Blackboard", "github.com/kwurst/bb-file-cleanup, README; nbgrader's documentation of zip_collect",
        r"(?:^|/)(?P<batch>[^/]+)_(?P<name>[^/_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?=[_./]|$)",
        (
            (f"Lesson 7_aberg_attempt_2026-03-01-12-00-00_{FILE}", "aberg", ""),
            ("Lesson 7_aberg_attempt_2026-03-01-12-00-00.txt", "aberg", ""),
        ),
    ),
    Platform(
        "Brightspace", "scripts of teachers on GitHub (rename_and_move.sh, lab-download); not seen in D2L's own pages",
        r"(?:^|/)(?P<batch>\d+-\d+) - (?P<name>[^/]+?) - (?P<time>[^/]*?\d{4}[ ,]+\d{3,4}(?: [AP]M)?)(?=/| - |$)",
        (
            (f"123456-789012 - Anna Berg - Mar 1, 2026 1200 PM/{FILE}", "Anna Berg", ""),
            (f"123456-789012 - Mary-Ann Smith - Sep 24, 2024 926 PM/{FILE}", "Mary-Ann Smith", ""),
            (f"123456-789012 - Anna Berg - 1 mars 2026 1200/{FILE}", "Anna Berg", ""),
            (f"123456-789012 - Anna Berg - Mar 1, 2026 1200 PM - {FILE}", "Anna Berg", ""),
        ),
    ),
    Platform(
        "ILIAS", "github.com/ILIAS-eLearning/ILIAS, Modules/Exercise/classes/class.ilExSubmission.php",
        r"(?:^|/)(?P<name>[^\W\d][^/_]*(?:_[^/_]+)+?)_(?P<login>[^/_]+)_(?P<number>\d+)(?=/)",
        (
            (f"Berg_Anna_aberg_12345/{FILE}", "Berg Anna", "12345"),
            (f"Berg_Anna_aberg_12345/20260301120000_{FILE}", "Berg Anna", "12345"),
            (f"Team 12/Berg_Anna_aberg_12345/{FILE}", "Berg Anna", "12345"),
            (f"multi_feedback_Assignment_1/Berg_Anna_aberg_12345/20260301120000_{FILE}", "Berg Anna", "12345"),
            (f"Berg_Anna_aberg_12345/Late Submission - {FILE}", "Berg Anna", "12345"),
        ),
        loose=True,
    ),
    Platform(
        "Sakai", "scripts of teachers on GitHub that read its `Submission attachment(s)`; flat form: one README there",
        r"(?:^|/)(?P<name>[^/()]+, ?[^/()]+)\((?P<number>[^/()]+)\)(?=/|_Submission)",
        (
            (f"Berg, Anna(aberg)/Submission attachment(s)/{FILE}", "Anna Berg", "aberg"),
            (f"Lesson 7/Berg, Anna(aberg)/Submission attachment(s)/{FILE}", "Anna Berg", "aberg"),
            (f"Berg, Anna(aberg)_Submission attachment(s)_{FILE}", "Anna Berg", "aberg"),
        ),
    ),
    Platform(
        "Teams", "github.com/lwchkg/teams_assignment_explorer, README; learn.microsoft.com names the library alone",
        rf"(?:^|/)(?:{SUBMITTED})/(?P<name>[^/]+)/(?:[^/]+/)?(?:(?:{VERSION}) ?(?P<version>\d+)/)?",
        (
            (f"Submitted files/Anna Berg/Eager loading at home/Version 2/{FILE}", "Anna Berg", ""),
            (f"Student Work/Submitted files/Anna Berg/Eager loading/{FILE}", "Anna Berg", ""),
            (f"Eingereichte Dateien/Anna Berg/Aufgabe/Version 1/{FILE}", "Anna Berg", ""),
        ),
    ),
    Platform(
        "Teams", "the same; drafts that were not handed in",
        rf"(?:^|/)(?:{WORKING})/(?P<name>[^/]+)/",
        ((f"Working files/Anna Berg/Eager loading/{FILE}", "Anna Berg", ""),),
        draft=True,
    ),
    Platform(
        "Teams", "the same, from the learner's folder down",
        rf"(?:^|/)(?P<name>[^/]+)/[^/]+/(?:{VERSION}) ?(?P<version>\d+)/",
        ((f"Anna Berg/Assignment/Version 2/{FILE}", "Anna Berg", ""),),
    ),
    Platform(
        "Gradescope", "scripts on GitHub that read its submission_metadata.yml (`:submitters:`, `:name:`, `:sid:`)",
        r"(?:^|/)(?P<name>submission_(?P<number>\d+))(?=/)",
        (
            (f"submission_123456/{FILE}", "submission_123456", "123456"),
            (f"assignment_9100_export/submission_123456/{FILE}", "submission_123456", "123456"),
        ),
        by_assignment=True,
    ),
    Platform(
        "nbgrader", f"{NBGRADER_SOURCE} (its exchange: user, assignment, time)",
        r"(?:^|/)(?P<name>[^/]+)\+[^/+]+\+(?P<time>\d{4}-\d\d-\d\d[ _T]\d\d.?\d\d.?\d\d(?:\.\d+)?)[^/]*/",
        (
            (f"anna+07_eager_loading+2026-03-01 12:00:00 UTC/{FILE}", "anna", ""),
            (f"inbound/a+b+07_eager_loading+2026-03-01 12:00:00.123456 UTC+dGVzdA/{FILE}", "a+b", ""),
        ),
    ),
    Platform(
        "nbgrader", f"{NBGRADER_SOURCE} (a course folder)",
        r"(?:^|/)submitted/(?P<name>[^/]+)/\d\d_\w+/",
        ((f"submitted/anna/07_eager_loading/{FILE}", "anna", ""),),
    ),
    Platform(
        "Google", "forms of Drive, Classroom and Colab as learners' files show them; in no page of Google's seen",
        examples=(
            (f"anna/Copy of {FILE}", "anna", ""),
            (f"anna/Kopie von {FILE}", "anna", ""),
            (f"anna/Copie de {FILE}", "anna", ""),
            (f"anna/Copia de {FILE}", "anna", ""),
            (f"anna/Cópia de {FILE}", "anna", ""),
            (f"anna/「{FILE}」のコピー.ipynb", "anna", ""),
            ("07_eager_loading - Anna Berg.ipynb", "Anna Berg", ""),
            ("Anna Berg - 07_eager_loading.ipynb", "Anna Berg", ""),
            ("Copy of 07_eager_loading.ipynb", "", ""),
            ("07_eager_loading(1).ipynb", "", ""),
        ),
    ),
    Platform(
        "systems", "names that macOS, Windows, VS Code, JupyterLab and browsers give to copies",
        examples=(
            (f"anna/{FILE}", "anna", ""),
            ("anna/07_eager_loading 2.ipynb", "anna", ""),
            ("anna/07_eager_loading copy 2.ipynb", "anna", ""),
            ("anna/07_eager_loading Kopie.ipynb", "anna", ""),
            ("anna/07_eager_loading - Copy (2).ipynb", "anna", ""),
            ("anna/07_eager_loading - Kopie.ipynb", "anna", ""),
            ("anna/07_eager_loading-Copy2.ipynb", "anna", ""),
            ("anna/07_eager_loading.ipynb.txt", "anna", ""),
            ("07_eager_loading_anna.ipynb.txt", "anna", ""),
            ("07_eager_loading - Копия.ipynb", "", ""),
            ("07_eager_loading 的副本.ipynb", "", ""),
            ("07_eager_loading - 복사본.ipynb", "", ""),
            ("07_eager_loading kopyası.ipynb", "", ""),
            ("07_eager_loading – kópia.ipynb", "", ""),
        ),
    ),
    Platform(
        "plain", "the README",
        examples=(
            (f"anna/exercises/ex{FILE}", "anna", ""),
            ("07_eager_loading_anna.ipynb", "anna", ""),
            ("anna_07_eager_loading.ipynb", "anna", ""),
            ("anna_ex07_eager_loading_final.ipynb", "anna", ""),
            ("my 07_eager_loading v2.ipynb", "", ""),
            ("anna.ipynb", "anna", ""),
            ("Anna von Berg_07_eager_loading_final (2).ipynb", "Anna von Berg", ""),
            ("07_eager_loading-12345.ipynb", "12345", ""),
            ("20260301120000_07_eager_loading.ipynb", "", ""),
        ),
    ),
)  # fmt: skip
"""The first one whose pattern fits has the word."""

OWN_FILES = re.compile(
    r"(?:^|/)(?:index\.html|submission_metadata\.ya?ml|timestamp\.txt|comments\.txt|grades\.(?:csv|xls)|"
    r"[^/]*_attempt_[\d-]+\.txt|[^/]*_submissionText\.html|thumbs\.db|desktop\.ini)$",
    re.IGNORECASE,
)
"""What a platform or a system adds of its own to a delivery: nobody handed it in."""
