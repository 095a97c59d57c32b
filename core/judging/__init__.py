"""Which system is better, judged by people who look at results: no labels, few clicks, valid at every look.

`units` lists what can be asked, `bounds` says what the answers so far prove, `comparison` and `elimination` ask about
two and about several systems, `answers` keeps every click by image content and judge, `agreement` compares judges.
"""

from core.judging.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from core.judging.answers import Answer, AnswerLog
from core.judging.bounds import MeanBounds
from core.judging.comparison import SAME, Comparison, Verdict, answers_needed
from core.judging.elimination import Elimination, Question
from core.judging.units import Units, pairs, rows

__all__ = [
    "SAME",
    "Answer",
    "AnswerLog",
    "Comparison",
    "Elimination",
    "MeanBounds",
    "Question",
    "Units",
    "Verdict",
    "answers_needed",
    "cohen_kappa",
    "fleiss_kappa",
    "krippendorff_alpha",
    "pairs",
    "rows",
]
