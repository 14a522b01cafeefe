from runner.core.values.remembered import Remembered


def test_a_key_is_worked_out_once():
    asked = []
    lengths = Remembered(lambda text: asked.append(text) or len(text))
    assert [lengths["abc"], lengths["de"], lengths["abc"]] == [3, 2, 3]
    assert asked == ["abc", "de"]


def test_memory_for_remembered_texts_is_bounded():
    numbers = Remembered(int)
    for number in range(11_000):
        assert numbers[str(number)] == number
    assert len(numbers) == 10_000
