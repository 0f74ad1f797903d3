"""Short texts that run for ever, or fill the memory, each by another way."""

from __future__ import annotations

# Whole templates, named `t.j2`. The second line is to blame, or the one that ends with `!`.
TEMPLATES: dict[str, str] = {
    "loops over lists": """a
{% set l = [1] * 3000 %}{% for a in l %}{% for b in l %}{% for c in l %}{% endfor %}{% endfor %}{% endfor %}""",
    "a macro that calls itself twice": """a
{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}
{{ m(60) }}""",
    "a pattern that backtracks": """a
{{ ('a' * 40) | regex_replace('(a+)+$b', '') }}""",
    "a search that backtracks": """a
{{ ('a' * 40) | regex_search('(a+)+$b') }}""",
    "a list of matches that backtracks": """a
{{ ('a' * 40) | regex_findall('(a|a)*$b') }}""",
    "a test that backtracks": """a
{% if ('a' * 40) is match('(a|aa)+$b') %}{% endif %}""",
    "a test that searches and backtracks": """a
{% if ('a' * 40) is search('(a|aa)+$b') %}{% endif %}""",
    "many rounds": """a
{{ 'x' | password_hash('sha512', salt='y', rounds=999999999) }}""",
    "a comment of many lines": """a
{{ 'x' | comment(prefix='y' * 100000, prefix_count=1000000) }}""",
    "an indent of YAML": """a
{{ (range(9999999) | list) | to_nice_yaml }}""",
    "an indent of JSON": """a
{{ [[[[1]]]] | to_json(indent=10**9) }}""",
    "doubling in a namespace": """a
{% set n = namespace(t='x') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}""",
    "wordwrap": """a
{{ ('ab ' * 1000000) | wordwrap(1, wrapstring='x' * 10000) }}""",
    "title": """a
{% set n = namespace(t='ab ' * 2000000) %}{% for i in range(1000) %}{% set n.t = n.t | title %}{% endfor %}""",
    "a text times a number": """a
{{ 'a' * 10**10 }}""",
    "ranges in ranges": """a
{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}""",
    "center": """a
{{ 'a' | center(10**10) }}""",
    "a power": """a
{{ 9 ** (9 ** 9) % 10 }}""",
    "an include of itself, twice": """{# a #}
{% if (n | default(0)) < 60 %}{% set n = (n | default(0)) + 1 %}{% include 't.j2' %}{% include 't.j2' %}{% endif %}""",
    "a text that grows as it's printed": """a
{% for i in range(99999) %}{% for j in range(99999) %}0123456789{% endfor %}{% endfor %}""",
    "a list that doubles": """a
{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = n.l + n.l %}{% endfor %}""",
    "lists in lists in lists": """a
{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}
{{ n.l | string | length }}!""",
    "JSON of lists in lists": """a
{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | to_json }}""",
    "YAML of many lists": """a
{% for i in range(9999) %}{{ range(99999) | list | to_yaml | length }}{% endfor %}""",
    "a comparison of lists in lists": """a
{% set n = namespace(l=[1], m=[1]) %}
{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% set n.m = [n.m, n.m] %}{% endfor %}
{{ n.l == n.m }}!""",
    "a sum of lists": """a
{{ ([[1] * 1000] * 100000) | sum(start=[]) | length }}""",
    "replace": """a
{{ ('x' * 1000000).replace('x', 'y' * 1000000) | length }}""",
    "join": """a
{{ ([1] * 1000000) | join('x' * 100000) | length }}""",
    "join as a method": """a
{{ ('x' * 100000).join(['y'] * 1000000) | length }}""",
    "a width that's given": """a
{{ '%*d' % (10**9, 1) }}{{ '%*d' % (10**9, 1) }}{{ '%*d' % (10**9, 1) }}""",
    "a precision of a format": """a
{{ '{:.{}f}'.format(1.5, 2147483000) | length }}""",
    "a fill in a format": """a
{{ '{:>9999999999}'.format(1) }}""",
    "an indent": """a
{{ ('x\\n' * 1000) | indent(10**8) | length }}""",
    "a batch that's filled": """a
{{ [1] | batch(10**10, 2) | list | length }}""",
    "a slice of many": """a
{{ [1] | slice(10**9) | list | length }}""",
    "numbers that are multiplied": """a
{% set n = namespace(k=3) %}{% for i in range(60) %}{% set n.k = n.k * n.k %}{% endfor %}""",
    "a number as text": """a
{% set n = namespace(k=3) %}{% for i in range(24) %}{% set n.k = n.k * n.k %}{% endfor %}
{{ '%d' % n.k }}""",
    "a recursive loop": """a
{% for i in [[1, 1]] * 2 recursive %}{{ loop([[1, 1]] * 2) if loop.depth < 60 }}{% endfor %}""",
    "sorting over and over": """a
{% set l = range(99999) | list %}{% for i in range(99999) %}{{ (l | sort(reverse=true))[:0] | join }}{% endfor %}""",
    "unique texts": """a
{% for i in range(99999) %}{{ range(99999) | map('string') | unique | list | length }}{% endfor %}""",
    "urlize": """a
{{ ('http://a.b/(' * 1000000) | urlize | length }}{{ ('&lt;' * 1000000 ~ 'www.') | urlize | length }}
{% for i in range(9999) %}{{ ('www.a.com ' * 100000) | urlize | length }}{% endfor %}""",
    "expandtabs": """a
{{ ('\\t' * 1000000).expandtabs(100000) | length }}""",
    "translate": """a
{{ ('x' * 1000000).translate({120: 'y' * 1000000}) | length }}""",
    "a cycle of blocks": """a
{% set l = range(9999) | list %}
{% for i in l %}{% for j in l %}{% if i == -1 %}x{% endif %}{% endfor %}{% endfor %}!""",
    "groups of groups": """a
{% for i in range(99999) %}{{ range(99999) | groupby('real') | list | length }}{% endfor %}""",
}

# Expressions, for whatever takes one.
EXPRESSIONS: dict[str, str] = {
    "a lone text": "'a' * 10**9 * 4",
    "a lone list": "[0] * 10**9",
    "a lone pattern": "'a' * 40 is defined and ('a' * 40) | regex_replace('(a|a)*$b', '')",
    "a lone power": "9 ** (9 ** 9) % 3",
    "members of members": "([[[[1] * 1000] * 1000] * 1000] * 1000) | string | length",
}
