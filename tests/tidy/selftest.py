#!/usr/bin/env python3
"""Each rule of tidy.py must catch its bad snippet and pass the good one beside it."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

NEST = 'if (a) { for (;;) { while (b) { %s } } }'

# rule, file, what must be found, what must not
CASES = [
    ('line-length', 'src/net/a.c', '/*' + 'x' * 97 + '*/', '/*' + 'x' * 96 + '*/'),
    ('line-length', 'src/net/a.c', 'é' * 101, 'é' * 100),
    ('file-length', 'src/net/a.c', '\n' * 901, '\n' * 900),
    ('todo', 'src/net/a.c', '/* TODO: later */', '/* to do */'),
    ('function-length', 'src/net/a.c', 'void f(void)\n{\n' + 'g();\n' * 68 + '}\n',
     'void f(void)\n{\n' + 'g();\n' * 67 + '}\n'),
    ('nesting', 'src/net/a.c', 'void f(void)\n{\n' + NEST % 'if (c) { g(); }' + '\n}\n',
     'void f(void)\n{\n' + NEST % 'x = (struct s){ { 1 } }; struct s y[] = { { 1 }, { 2 } };' + '\n}\n'),
    ('nesting', 'src/net/a.c', 'void f(void)\n{\nLIST_FOREACH(a, b) {' + NEST % '' + '}\n}\n',
     'void f(void)\n{\n/* { { { { */ puts("{{{{"); c = \'{\';\n}\n'),
    ('parameters', 'src/net/a.c', 'int f(int a, int b, int c, int d, int e, int g, int h)\n{\n}\n',
     'int f(int a, int (*b)(int, int), int c, int d, int e, int g)\n{\n}\n'),
    ('goto', 'src/base/a.c', 'void f(void)\n{\n goto out;\n}\n', 'void f(void)\n{\n go("goto");\n}\n'),
    ('banned-call', 'src/net/a.c', 'x = strcpy(a, b);', 'x = xstrcpy(a, b); t->time(1); s.rand(2);'),
    ('banned-call', 'src/net/a.c', '#define NOW time(NULL)\n', '/* time(NULL) */ char *const s = "time(0)";'),
    ('banned-call', 'tools/a.c', 'p = malloc(3);', 'p = xmalloc(3);'),
    ('conditional', 'src/net/a.c', '#if 0\n#endif\n', '#define IF 1\n'),
    ('conditional', 'src/net/a.h', '#ifndef A_H\n#define A_H\n#ifdef B\n#endif\n#endif\n',
     '/* why */\n#ifndef A_H\n#define A_H\n#endif\n'),
    ('layers', 'src/base/a.c', '#include "wire/wire.h"\n', '#include "base/err.h"\n'),
    ('layers', 'src/core/a.c', '#include "wire/wire.h"\n', '#include "schema/desc.h"\n'),
    ('layers', 'src/cli/a.c', '#include "core/core.h"\n', '#include "client/client.h"\n'),
    ('layers', 'src/slurmd/a.c', '#include "slurmctld/main.h"\n', '#include "node/cgroup.h"\n'),
    ('layers', 'src/wire/a.c', '#include "net/conn.h"\n', '/*\n#include "net/conn.h"\n*/\n'),
    ('layers', 'src/strange/a.c', 'int f(void);\n', None),
    ('core-purity', 'src/core/a.c', '#include <time.h>\n', '#include <sys/types.h>\n'),
    ('core-purity', 'src/core/a.c', '#include "base/log.h"\n', '#include "base/times.h"\n'),
    ('core-purity', 'src/core/a.c', 'x = getenv("A");', 'x = snprintf(a, 1, "getenv(");'),
    ('core-purity', 'src/core/a.c', 'log_info("x");', 'in->read(1); blog_info(2);'),
    ('mutable-state', 'src/net/a.c', 'static int count;', 'static const int count = 3;'),
    ('mutable-state', 'src/net/a.c', 'int count = 3;', 'extern int count; int f(int count);'),
    ('mutable-state', 'src/net/a.c', 'static const char *names[] = { "a" };',
     'static const char *const names[] = { "a" };'),
    ('mutable-state', 'src/net/a.c', 'static struct { const char *p; } sink = { "a" };',
     'static const struct { char *p; int n; } sink[] = { { "a", 1 } }; struct t { int a; };'),
    ('mutable-state', 'src/net/a.c', 'static int (*hook)(void);', 'static int (*const hook)(void) = f;'),
    ('mutable-state', 'src/net/a.c', 'void f(void)\n{\n static int n;\n}\n',
     'void f(void)\n{\n static const struct { int a; } t[] = { { 1 } };\n}\n'),
    ('sql', 'src/slurmdbd/a.c', 'q("SELECT a FROM t WHERE n = \'%s\'");', 'q("SELECT a FROM t WHERE n = ?");'),
    ('sql', 'src/slurmdbd/a.c', 'q("INSERT INTO t "\n  "VALUES (%" PRIu64 ")");', 'log("cannot select %s", x);'),
    ('sql', 'src/slurmdbd/a.c', 'q("delete from t where i=%d");', 'q("SELECT 1");\nlog("%s");'),
    ('readme', 'src/net/a.c', None, ''),
]


def rules_found(path, text, with_readme):
    with tempfile.TemporaryDirectory() as root:
        where = os.path.join(root, os.path.dirname(path))
        os.makedirs(where)
        os.makedirs(os.path.join(root, 'src'), exist_ok=True)
        with open(os.path.join(root, path), 'w', encoding='utf-8') as f:
            f.write(text)
        if with_readme:
            open(os.path.join(where, 'README.md'), 'w').close()
        return [line.split(': ')[1] for line in tidy.findings(root)]


def main():
    failures = 0
    for rule, path, bad, good in CASES:
        bad_rules = rules_found(path, bad or '', with_readme=rule != 'readme')
        good_rules = rules_found(path, good, with_readme=True) if good is not None else []
        if rule not in bad_rules:
            print(f'{rule}: missed {bad!r}')
        if good_rules:
            print(f'{rule}: {good_rules} found in {good!r}')
        failures += rule not in bad_rules or bool(good_rules)
    print(f'{len(CASES)} cases, {failures} failed')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
