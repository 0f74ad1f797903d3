"""Command lines that can be read, and can't be meant: each ends with one error, and with what to type instead."""

import pytest

from tests.conftest import cdconf, git, write

NONE_BUILT = "none was built yet: `cdconf build APP`"
MISTAKES = [
    ("plan prod stage", "got unexpected extra argument (stage)", "name one environment; `cdconf parity` compares two"),
    ("plan pord", "there is no environment 'pord'", "did you mean 'prod'?"),
    ("plan prod --env stage", "different environments are named: 'prod' and 'stage'", "name one environment, once"),
    ("plan --env", "option '--env' requires an argument", "there are: prod, stage"),
    ("deploy shop", "missing option '--to' / '--env'", "there are: prod, stage"),
    ("deploy shop prod", "missing option '--to' / '--env'", "`cdconf deploy shop --to prod`"),
    ("deploy shpo --to prod", "there is no app 'shpo'", "did you mean 'shop'?"),
    ("deploy shop@9.9 --to prod", "there is no artifact 'shop@9.9'", NONE_BUILT),
    ("deploy 12345678 --to prod", "there is no artifact '12345678'", NONE_BUILT),
    ("deploy dist/shop-1.tar.gz --to prod", "there is no file 'dist/shop-1.tar.gz'", "`cdconf build APP` makes one"),
    ("artifact show shpo", "there is no artifact 'shpo'", NONE_BUILT),
    ("rollback shop prod", "there is no environment 'shop'", "`cdconf rollback prod shop`"),
    ("rollback prod shpo", "cdconf.yml has no app 'shpo'", "did you mean 'shop'?"),
    ("provision prod web1", "got unexpected extra argument (web1)", "`cdconf provision prod --limit web1`"),
    ("provision prod --limit wbe", "'wbe' isn't a host of prod, nor a group with hosts", "did you mean 'web'?"),
    ("provision prod --limit ''", "'' isn't a pattern", "such as web, web1 or web,!web2"),
    ("provision prod --role wbe", "no group has the role 'wbe'", "did you mean 'web'?"),
    ("provision prod -e site_port", "-e 'site_port' isn't NAME=VALUE", "such as -e site_port=VALUE"),
    ("provision prod -e a-b=1", "-e 'a-b=1' isn't NAME=VALUE", "a variable's name has letters, digits and _"),
    ("provision prod -e @vars.yml", "-e '@vars.yml' isn't NAME=VALUE", "`-e NAME=@FILE` takes a file's text"),
    ("provision prod --plan nope", "the plan nope can't be read", "`cdconf plan ENV --out FILE` saves one"),
    ("plan prod --from nope", "'nope' is no revision of this repository", "a branch, a tag or a commit"),
    ("toggle shop dark on --env prod", "app 'shop' has no toggle 'dark'", "declare it in cdconf.yml"),
    ("contract shop", "missing option '--env' / '--to'", "there are: prod, stage"),
    ("contract shop --to prod", "app 'shop' has no contract migration", "name its command in `migrate: {contract: …}`"),
    ("drift prod --look-only key", "--look-only can't do more than `drift --applied`", "add --applied"),
    ("parity prod", "missing argument 'ENV'", "there are: prod, stage"),
    (
        "secret set prod pasword=x",
        "a secret's value isn't given on the command line",
        "`cdconf secret set prod pasword`",
    ),
    ("secret get prod token", "there is no secret 'token' in prod", "`cdconf secret set prod token` sets it"),
    ("secret edit pord", "there is no environment 'pord'", "did you mean 'prod'?"),
    ("run prod", "missing argument '-- CMD...'", "`cdconf run ENV -- systemctl status ssh`"),
    ("run prod uptime -p", "no such option '-p'", "what belongs to the command goes behind `--`"),
    ("ssh prod web9", "'web9' is no host of prod", "did you mean 'web1'?"),
    ("build shpo", "cdconf.yml has no app 'shpo'", "did you mean 'shop'?"),
    ("approve shop --to prod", "no ancestor of HEAD has a build of 'shop'", "run `cdconf build shop`"),
    ("history --since yesterday", "--since isn't a time: 'yesterday'", "such as 30d, 12h, 2026-11-30"),
    ("history 0000000000", "there is no run '0000000000'", "`cdconf history` shows ids"),
    ("waiver add prod web1 file /etc/x", "a waiver needs --until and --reason", "such as --until 30d --reason"),
    ("key trust nope.pub", "can't read a key from 'nope.pub': No such file or directory", None),
    ("import ansible", "no such command 'ansible'", "ansible-inventory"),
    ("schema nope", "there is no schema 'nope'", "there are: cdconf, hosts, variables"),
    ("cases packge", "there is no resource type 'packge'", "did you mean 'package'?"),
    ("destroy prod", "the hosts of prod weren't made by cdconf", "only hosts of docker and vagrant can be destroyed"),
    ("converge prod", "there is no command 'converge'", "here it's `cdconf provision ENV`"),
    ("exec prod", "there is no command 'exec'", "here it's `cdconf run ENV -- CMD`"),
    ("provision prod --limit web1 db1", "unexpected extra argument (db1)", "`cdconf provision prod --limit web1,db1`"),
    ("plan prod -e site_port 81", "got unexpected extra argument (81)", "`cdconf plan prod -e site_port=81`"),
    ("plan prod -e site_prot=81", "-e site_prot: no role declares the variable", "did you mean 'site_port'?"),
    ("vars prod -e unheard_of=1", "and nothing reads it", "roles declare: site_port"),
    ("logs prod shop", "got unexpected extra argument (shop)", "named by --app: `cdconf logs prod --app shop`"),
    ("ssh web1", "missing argument 'HOST'", "the environment comes first: `cdconf ssh ENV web1`"),
    ("maintenance shop on --env prod", "'shop' is not one of 'on', 'off'", "`cdconf maintenance on shop --env prod`"),
    ("plan test", "there is no environment 'test'", "rename inventories/test/hosts.yaml to hosts.yml"),
    ("deply shop --to prod", "there is no command 'deply'", "did you mean 'deploy'?"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    root = write(
        tmp_path_factory.mktemp("shop"),
        {
            "cdconf.yml": """
                project: shop
                groups: {db: [db], web: [web]}
                apps:
                  shop:
                    groups: [web]
                    build: ./build
                    artifact: dist/shop-*.tar.gz
                    path: /srv/shop
                    services: [shop]
            """,
            "inventories/prod/hosts.yml": """
                hosts:
                  web1: {address: 192.0.2.11, groups: [web]}
                  db1: {address: 192.0.2.20, groups: [db]}
            """,
            "inventories/stage/hosts.yml": "copy_of: prod\nprovider: docker\n",
            "inventories/test/hosts.yaml": "copy_of: prod\nprovider: docker\n",
            "roles/web/role.yml": """
                variables:
                  site_port: {type: integer, default: 80, doc: its port}
                resources:
                  - package: nginx
                  - line: "listen {{ site_port }}"
                    path: /etc/site
            """,
            "roles/db/role.yml": "resources:\n  - package: postgresql\n",
            ".gitignore": ".cdconf/\n",
        },
    )
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


@pytest.mark.parametrize(("line", "error", "hint"), MISTAKES, ids=[one[0] for one in MISTAKES])
def test_it_is_told_with_what_to_type(shop, line, error, hint):
    words = [word.strip("'") for word in line.split()]
    done = cdconf(shop, *words)
    said = done.stderr.splitlines()
    assert done.returncode == 1, said
    (place,) = [number for number, text in enumerate(said) if text.startswith("error: ")]
    assert error in said[place]
    assert hint is None or said[-1].startswith("  hint: ")
    assert hint is None or hint in said[-1]
