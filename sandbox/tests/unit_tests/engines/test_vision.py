"""The vision engine: what may be claimed, how questions are answered, what stays apart."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from visioncraft_sandbox.engines import weights
from visioncraft_sandbox.engines.drawing import draw
from visioncraft_sandbox.engines.eyes import Eyes, Found
from visioncraft_sandbox.engines.labels import DETECTED, KINDS, amount, meanings_of
from visioncraft_sandbox.engines.parameters import to_png
from visioncraft_sandbox.engines.vision import describe

LEFT, MIDDLE, RIGHT = (0.0, 0.2, 0.3, 0.9), (0.3, 0.2, 0.7, 0.9), (0.7, 0.2, 1.0, 0.9)


class Scripted(Eyes):
    """Eyes that see what a test says: the detector's objects, the classifier's classes, text."""

    def __init__(
        self, *found: Found, likely: dict[str, float] | None = None, text: str = ""
    ) -> None:
        super().__init__()
        self._found, self._likely, self._text = found, likely or {}, text

    @property
    def class_names(self) -> list[str]:
        names = {285: "Egyptian cat", 293: "cheetah", 985: "daisy", 970: "alp", 504: "coffee mug"}
        return [names.get(number, f"class {number}") for number in range(1000)]

    def detect(self, picture: Image.Image) -> list[Found]:
        return list(self._found)

    def classify(self, pictures: Iterable[Image.Image]) -> NDArray[np.float64]:
        return np.array([self._likely.get(name, 0.0) for name in self.class_names])

    def read(self, picture: Image.Image) -> list[str]:
        return self._text.splitlines()


def picture(colour: str = "grey") -> Image.Image:
    return Image.new("RGB", (100, 80), colour)


def ask(eyes: Eyes, question: str = "", image: Image.Image | None = None) -> str:
    return describe([image or picture()], question, eyes=eyes)


def test_what_is_seen_is_told_with_its_number_and_place() -> None:
    eyes = Scripted(
        Found("person", 0.9, (0.0, 0.2, 0.15, 0.9)),
        Found("person", 0.8, (0.15, 0.2, 0.3, 0.9)),
        Found("bicycle", 0.9, RIGHT),
        likely={"class 444": 0.4},
    )
    assert "shows two people on the left and a bicycle on the right." in ask(eyes)


def test_people_stand_in_front_of_what_they_cover() -> None:
    eyes = Scripted(
        Found("person", 0.9, (0.1, 0.4, 0.3, 0.95)),
        Found("bus", 0.9, (0.0, 0.1, 0.6, 0.9)),
        likely={"class 779": 0.4},
    )
    assert "a person in front of a bus on the left." in ask(eyes)


@pytest.mark.parametrize(
    ("found", "likely"),
    [
        (Found("vase", 0.7, MIDDLE), {}),  # the classifier sees none
        (Found("kite", 0.8, MIDDLE), {}),  # seen in drawings
        (Found("person", 0.5, MIDDLE), {}),
        (Found("tie", 0.9, MIDDLE), {"cheetah": 0.9}),  # a pattern in an animal's fur
    ],
)
def test_of_what_is_doubtful_nothing_is_claimed_and_nothing_denied(
    found: Found, likely: dict[str, float]
) -> None:
    eyes = Scripted(found, likely=likely)
    assert found.kind not in ask(eyes)
    assert ask(eyes, f"Is there a {found.kind}?").startswith("I cannot tell")
    assert "one " not in ask(eyes, f"How many {found.kind}s are there?")


def test_an_animal_is_named_by_the_classifier() -> None:
    eyes = Scripted(Found("bird", 0.99, MIDDLE), likely={"cheetah": 0.98})
    assert "shows a cheetah in the middle." in ask(eyes)
    assert ask(eyes, "Is it a bird?").startswith("No, I see no bird.")
    assert ask(eyes, "Which big cat is it?") == "I see a cheetah."


def test_unlikely_breeds_make_some_animal() -> None:
    breeds = {f"class {number}": 0.2 for number in (160, 170, 180, 190)}
    eyes = Scripted(Found("horse", 0.98, MIDDLE), likely=breeds)
    assert "shows an animal" in ask(eyes)


CAT = Scripted(Found("cat", 0.9, MIDDLE), likely={"Egyptian cat": 0.6})


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many cats are there?", "I see one cat."),
        ("Wie viele Katzen sind auf dem Bild?", "I see one cat."),
        ("Combien de chats y a-t-il ?", "I see one cat."),
        ("How many dogs do you see?", "I see no dogs."),
        ("Is there a cat?", "Yes: a cat."),
        ("Is this a dog or a cat?", "It is a cat."),
        ("Hay un gato?", "Yes: a cat."),
        ("Is the cat asleep?", "I see a cat, but cannot tell more."),
        ("Where is the cat?", "I see a cat in the middle."),
        ("What does the sign say?", "I can read no text in it."),
        ("What size is it in pixels?", "It measures 100 x 80 pixels (landscape format)."),
        ("Is it a black-and-white photo?", "It is black-and-white."),
        ("Which prompt made it?", "Its file does not say how it was made."),
    ],
)
def test_questions_are_answered_by_what_was_seen(question: str, answer: str) -> None:
    assert ask(CAT, question) == answer


@pytest.mark.parametrize("question", ["Who is this?", "Why is it there?", "What is she wearing?"])
def test_what_the_models_cannot_know_is_not_guessed(question: str) -> None:
    assert ask(CAT, question).startswith("I cannot tell. The picture shows a cat")


def test_the_colour_of_a_thing_is_not_that_of_its_background() -> None:
    image = picture("white")
    ImageDraw.Draw(image).rectangle((30, 16, 70, 72), fill=(220, 40, 40))
    eyes = Scripted(Found("cup", 0.9, MIDDLE), likely={"coffee mug": 0.6})
    assert ask(eyes, "What colour is the mug?", image) == "The cup looks red."
    assert ask(eyes, "Is the cup blue?", image).startswith("Not as far as I can see")
    assert ask(eyes, "What colour is its handle?", image).startswith("I cannot tell")


def test_which_of_several_pictures_is_told_by_number() -> None:
    red, white = picture("red"), picture("white")

    class Two(Scripted):
        def detect(self, picture: Image.Image) -> list[Found]:
            return super().detect(picture) if picture.getpixel((0, 0)) == (255, 0, 0) else []

        def classify(self, pictures: Iterable[Image.Image]) -> NDArray[np.float64]:
            seen = list(pictures)
            likely = super().classify(seen)
            return likely if seen[0].getpixel((0, 0)) == (255, 0, 0) else likely * 0

    eyes = Two(Found("cat", 0.9, MIDDLE), likely={"Egyptian cat": 0.9})
    answer = describe([white, red], "Which picture shows a cat?", eyes=eyes)
    assert answer == "Picture 2: cat."
    none = describe([white, white], "Which picture shows a cat?", eyes=eyes)
    assert none == "I see cat in none of the 2 pictures."


def test_seen_read_and_stored_stay_apart_and_nothing_is_disclaimed() -> None:
    eyes = Scripted(likely={"daisy": 0.9}, text="Do not\npick")
    data = to_png(picture(), parameters="a rose\nSteps: 30")
    told = ask(eyes, "", Image.open(io.BytesIO(data)))
    assert told.startswith("The picture looks like a daisy (flower). The text in it reads:")
    assert "“Do not / pick”" in told
    assert 'Stored in its file: made from the prompt "a rose".' in told
    assert not any(word in told for word in ("cannot", "sandbox", "model"))


def test_a_drawing_is_known_by_its_file_and_not_looked_at() -> None:
    drawing = Image.open(io.BytesIO(to_png(draw("two cats on a beach", width=96, height=96))))
    eyes = Scripted(Found("kite", 0.99, MIDDLE))
    assert "the drawing shows two cats; the setting is beach" in ask(eyes, "", drawing)
    assert ask(eyes, "How many cats are there?", drawing) == "I see two cats."
    assert "kite" not in ask(eyes, "What do you see?", drawing)


def test_a_question_of_any_length_is_answered_in_linear_time() -> None:
    for text in ("is " * 100_000, "how many " + "a" * 200_000, "'" * 200_000):
        assert ask(CAT, text)


def test_every_kind_has_a_name_and_classes_that_exist() -> None:
    assert len(DETECTED) == 91
    assert all(max(numbers) < 1000 for numbers in KINDS.values())
    assert meanings_of("Buses") == meanings_of("bus")
    assert [amount(name, 2) for name in ("person", "bus", "sheep")] == [
        "two people", "two buses", "two sheep"
    ]  # fmt: skip


def test_weights_with_another_hash_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        weights._TABLE[weights._VISION]["sha256"], "efficientnet_labels.txt", "0" * 64
    )
    with pytest.raises(weights.EngineUnavailable, match=r"labels\.txt has the SHA-256"):
        weights.vision_models()


def test_the_real_models_tell_a_drawn_sign_from_an_empty_picture_and_write_no_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    eyes = Eyes()
    sign = Image.new("RGB", (400, 200), "white")
    font = ImageFont.load_default(60)
    ImageDraw.Draw(sign).text((40, 60), "NO PARKING", fill="black", font=font)
    assert "NO PARKING" in ask(eyes, "What does the sign say?", sign).replace(
        "NOPARKING", "NO PARKING"
    )
    assert ask(eyes, "What is it?", picture()).startswith("I cannot tell")
    assert not capfd.readouterr().err


@pytest.mark.parametrize("size", [(16, 1024), (1024, 16), (3000, 50), (100, 80)])
def test_a_thin_picture_is_read_on_paper_that_is_not_thin(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []

    class Read:
        txts = scores = None

        def __init__(self, pixels: NDArray[np.uint8]) -> None:
            shapes.append(pixels.shape[:2])

    monkeypatch.setattr(Eyes, "_reader", Read)
    assert Eyes().read(Image.new("RGB", size)) == []
    assert all(max(shape) <= 4 * min(shape) + 4 and max(shape) <= 1024 for shape in shapes)
    assert shapes or min(size) * 1024 // max(size) < 20


@pytest.mark.parametrize("name", ["y", "s", "-", "by"])
def test_what_a_file_says_was_drawn_may_be_any_word(name: str) -> None:
    image = Image.new("RGB", (64, 64))
    image.info["drawn"] = f"{name}, {name}; sea, night"
    assert f"two {name[:1]}" in describe([image], "How many are there?")
