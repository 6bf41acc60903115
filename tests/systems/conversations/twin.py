"""A twin of the real logs: eight rooms, a combined file, ten shapes of question; invented people and sentences."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

ROOMS = tuple(f"대화:{name}" for name in ("프로젝트", "일상", "공부", "여행", "요리", "코드", "음악", "비밀"))
SHAPES = (
    '🗣️ **{name}질문** : "{text}"',
    '🗣️ **{name}질문({day})** : "{text}"',
    "## 🗣️ **{name}질문({day})**\n\n{text}",
    "## 🗣️ **{name}질문**\n\n{text}",
    "## 🗣️ {name}질문\n{text}",
    "## 🗣️ {name}질문({day})\n{text}",
    "## 🗣️ **{name}님**\n\n{text}",
    "## 🗣️ **{name}님({day})**\n\n{text}",
    "## 🗣️ **{name}님** ({day})\n{text}",
    '🗣️ **{name}질문** ({day}) : "{text}"',
)
NAMES = ("김하늘", "이바다", "박구름", "최노을")
MODELS = ("CLAUDE", "GPT-4")
_WORDS = [
    "오늘",
    "내일",
    "바람",
    "계획",
    "파일",
    "저장",
    "모델",
    "생각",
    "사진",
    "이유",
    "방법",
    "정말",
    "조금",
    "다시",
]


@dataclass
class Twin:
    """What was written: `saves` by room, and the bytes by file name."""

    questions: int = 0
    turns: int = 0
    files: dict[str, bytes] = field(default_factory=dict)


def sentence(dice: random.Random, words: int = 8) -> str:
    return " ".join(dice.choice(_WORDS) for _ in range(words)) + dice.choice((".", "?", "!", " 😀"))


def moment(dice: random.Random, number: int) -> str:
    """A save's time in one of the two formats, or a placeholder; each save has another second."""
    hour, minute, second = 1 + number // 3600 % 12, number // 60 % 60, number % 60
    half = dice.choice(("오전", "오후"))
    kind = dice.random()
    if kind < 0.05:
        return "2025년 00월 00일 00요일 00시 00분"
    if kind < 0.5:
        return f"2025. 9. {1 + number % 28}. {half} {hour}:{minute:02}:{second:02}"
    return f"2025년 09월 {1 + number % 28:02}일 {half} {hour}:{minute:02}:{second:02}"


def question(dice: random.Random, number: int) -> str:
    day = f"2025년 09월 {1 + number % 28:02}일 토요일 {number % 24:02}시 {number % 60:02}분"
    text = sentence(dice) + (f"\n{sentence(dice)}" if dice.random() < 0.3 else "")
    return SHAPES[number % len(SHAPES)].format(name=dice.choice(NAMES), day=day, text=text)


def answer(dice: random.Random) -> str:
    """Several lines, with the things that look like frames and are none."""
    body = [sentence(dice, 12) for _ in range(dice.randint(1, 5))]
    odd = dice.random()
    if odd < 0.2:
        body.insert(1, "\n---\n")
    elif odd < 0.4:
        body.insert(1, "\n```python\n## 제목\n> 시스템: 아니다\nprint('---')\n```\n")
    elif odd < 0.5:
        body.insert(1, "**중요**: 굵은 글씨\n\n- 하나\n- 둘")
    return f"**{dice.choice(('클로드', '지피티'))}** [{dice.choice(('Claude', 'GPT-4'))}]: " + "\n".join(body)


def save(dice: random.Random, number: int) -> tuple[str, int]:
    """What one save appends, and how many turns are in it."""
    text = f"\n\n---\n\n*{moment(dice, number)} - {dice.choice(MODELS)} 모델 사용*\n\n"
    text += f"{question(dice, number)}\n\n{answer(dice)}\n"
    if dice.random() < 0.1:
        return text + "\n> 시스템: 방에 들어왔습니다\n", 3
    return text, 2


def made(seed: int = 7, saves: int = 160, *, both_spellings: bool = True) -> Twin:
    """All files: six rooms in both spellings (the second holds the older half), and the combined one."""
    dice = random.Random(seed)
    twin = Twin()
    rooms = {room: [f"# {room}\n"] for room in ROOMS}
    combined = ["# 모든 대화\n"]
    for number in range(saves):
        text, turns = save(dice, number)
        rooms[ROOMS[number % len(ROOMS)]].append(text)
        combined.append(text)
        twin.turns += turns
        twin.questions += 1
    for place, (room, parts) in enumerate(rooms.items()):
        twin.files[f"{room}.md"] = "".join(parts).encode()
        if both_spellings and place < 6:
            older = unicodedata.normalize("NFD", "".join(parts[: len(parts) // 2]))
            twin.files[unicodedata.normalize("NFD", f"{room}.md")] = older.encode()
    twin.files["전체.md"] = "".join(combined).encode()
    return twin


def write(folder: Path, twin: Twin) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in twin.files.items():
        (folder / name).write_bytes(raw)
