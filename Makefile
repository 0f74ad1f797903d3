# `make demo` shows everything, `make test` runs everything that CI runs, `make clean` removes what the demo made.
unexport PYTHONDONTWRITEBYTECODE  # every run of cdconf would compile itself anew
export PATH := $(CURDIR)/.venv/bin:$(PATH)

setup:
	@scripts/need git=git make=make curl=curl tar=tar
	@scripts/setup

engine: setup
	@scripts/docker-engine

demo: engine
	@scripts/demo

lint: setup
	ruff check .
	ruff format --check .
	mypy cdconf
	cd benchmarks && mypy --config-file ../pyproject.toml .
	lint-imports --no-cache
	deptry . --no-ansi
	vermin -t=3.6- --no-tips --violations cdconf/agent cdconf/resources/*/agent.py
	cdconf lint

# The pages of docs/ as a site, in site/.
docs: setup
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict

# What advisory services know against the packages of requirements.lock; `scripts/lock` writes that.
audit: setup
	python scripts/audit

unit: setup
	pytest -m "not hosts" -n 2

test:
	@scripts/test

# Half an hour on two cores; CHAOS="--minutes 10" makes a part, CHAOS="--resume chaos.json" the rest.
chaos: engine
	python -m tests.chaos.sweep --each 3 --lanes 2 $(CHAOS)

# Runs of the pipeline are killed at 30 moments, and gone on with; forty minutes on two cores.
line: engine
	python -m tests.pipeline.sweep --rounds 30 $(LINE)

# The example project on 13 hosts: one commit goes into production, four broken ones don't; twenty minutes on two cores.
example: engine
	python -m tests.pipeline.example

# A user of the host attacks the agent before each of its steps, then 10,000 times as fast as it can; two hours on two cores.
attacks: engine
	python -m tests.attacks.run $(ATTACKS)
	python -m tests.attacks.run --races 10000 $(ATTACKS)

# What the gate does a few times or under less load, as often and under as much as it's written for; ten minutes on two cores.
soak: engine
	CDCONF_TESTS_WHOLE=1 pytest -m hosts -n 2 --dist loadscope tests/attacks tests/hosts/test_two_at_once.py \
	  tests/hosts/test_databases.py tests/hosts/test_load.py

# Every case of every resource type with each Python that the agent supports; PYTHONS="3.6 3.13" makes a part.
pythons: engine
	python -m tests.resources.pythons $(PYTHONS)

# Unit tests with all their rounds and inputs that are made up, of which `make test` tries some; half an hour on one core.
generated: setup
	TESTS_WHOLE=1 pytest -m "not hosts" $$(grep -rlE '= ?rounds[(]|[(]rounds[(]' tests --include='test_*.py')

# A million sessions with hosts that lie, then each reader of foreign bytes for some minutes; an hour on one core.
# FUZZ="--count 100000 --seed 7" makes another part of the sessions, MINUTES=1 less of the rest.
fuzz: setup
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --group fuzz
	python -m tests.hostile.sessions --count 1000000 $(FUZZ)
	python -m tests.hostile.fuzz --all --seconds $$(($(or $(MINUTES),5) * 60)) --keep .fuzz

# Every verb beside a host that behaves badly, ten times each; every file of cdconf's own damaged in every way; every
# verb, and rollouts on real hosts, with a host that lies from a step on. Some hours on two cores; HOSTILE="--every 20"
# makes a part of each.
hostile: engine
	python -m tests.hostile.verbs --times 10 $(HOSTILE)
	python -m tests.hostile.own_files $(HOSTILE)
	python -m tests.hostile.lies $(HOSTILE)
	python -m tests.hostile.rollouts $(HOSTILE)

# Two laptops and a CI runner race on one production, with each kind of store; ten minutes on two cores.
team: engine
	@scripts/need pg_ctlcluster=postgresql
	python -m tests.team.run $(TEAM)

# Ten environments are watched for a month, by 1,440 processes of `drift` with a shifted clock; half an hour on two cores.
# As root, since each host is a mount namespace of this machine. MONTH="--looks 12 --environments 2" makes a part.
month: setup
	python -m tests.month.run $(MONTH)

bench: engine
	python benchmarks/converge.py
	python benchmarks/push.py
	python benchmarks/compare.py --write docs/benchmarks.md

# From `git commit` to production's commit point, with the example project; about six minutes on two cores.
lead-time: engine
	python benchmarks/lead_time.py $(LEAD)

# VERSION=1.2.0: tags the commit, and makes sdist, wheel and SBOM in dist/; docs/releasing.md has all steps.
release: setup
	@scripts/release $(VERSION)

# The terminal pictures of README.md, from a real run.
pictures: engine
	python scripts/pictures

clean: setup
	-cdconf destroy staging --yes --images
	rm -rf examples/shop/build examples/shop/dist

.PHONY: setup engine demo docs release pictures lint audit unit test fuzz hostile chaos line example attacks pythons team bench lead-time clean generated soak month
