import pytest

from bot.base import render


def test_dict_keys_come_before_methods_and_missing_names_are_errors() -> None:
    template = render.environment(html=False).from_string("{{ cart.items[0].name }}")
    assert template.render(cart={"items": [{"name": "Mug"}]}) == "Mug"
    with pytest.raises(render.UndefinedError):
        template.render(cart={})


def test_values_are_data_and_never_run() -> None:
    page = render.environment(html=True).from_string("Hi {{ name }}")
    assert page.render(name="{{ 7*7 }}<script>") == "Hi {{ 7*7 }}&lt;script&gt;"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 10 ** 9999999 }}",
        "{{ 'a' * 100000000 }}",
        "{{ [0] * 100000000 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ x.__init__.__globals__ }}",
        "{{ '%999999999d' % 1 }}",
    ],
)
def test_the_sandbox_holds(source: str) -> None:
    with pytest.raises((render.SecurityError, render.UndefinedError)):
        render.environment(html=False).from_string(source).render(x={}) or pytest.fail("rendered to nothing")


@pytest.mark.parametrize("source", ["{{ range(9) }}", "{{ lipsum() }}"])
def test_greedy_globals_are_gone(source: str) -> None:
    with pytest.raises(render.UndefinedError):
        render.environment(html=False).from_string(source).render()


def test_money_and_dates_speak_the_language() -> None:
    environment = render.environment(html=False)
    assert environment.from_string("{{ 1990 | money('EUR', 'en') }}").render() == "€19.90"
    assert environment.from_string("{{ 1990 | money('CNY', 'zh_CN') }}").render() == "¥19.90"
    assert environment.from_string("{{ 500 | money('JPY', 'en') }}").render() == "¥500"
