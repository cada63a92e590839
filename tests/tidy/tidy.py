#!/usr/bin/env python3
"""House rules that a machine can check: tidy.py [--stats] [ROOT]

Prints `path:line: rule: what` for every finding and exits 1 when there is one.  It reads C as text,
not as a compiler does: comments and literals are blanked, braces are counted, and that is enough for
code that is formatted alike everywhere.  HOUSE.md says why each rule is there.
"""
import os
import re
import statistics
import sys

LINE_COLUMNS = 100
FUNCTION_LINES = 70
FILE_LINES = 900
NESTING = 3
PARAMETERS = 6

# Functions whose parameters a library dictates, because it calls them.
DICTATED = {'src/slurmstepd/pmix_main.c': ('on_fence', 'on_abort')}

# HOUSE section 1: who may include whom.  A folder may always include itself.
BELOW_CLIENT = {'base', 'schema', 'wire', 'net', 'auth', 'conf'}
LIBRARIES = BELOW_CLIENT | {'core', 'journal', 'node', 'client', 'cli'}
LAYERS = {
    'base': set(),
    'schema': {'base'},
    'wire': {'base', 'schema'},
    'conf': {'base', 'schema'},
    'core': {'base', 'schema'},
    'journal': {'base', 'schema', 'wire'},
    'net': {'base', 'schema', 'wire'},
    'auth': {'base', 'schema', 'wire', 'net'},
    'node': {'base', 'schema'},
    'client': BELOW_CLIENT,
    'cli': BELOW_CLIENT | {'client', 'node'},
    'tools': LIBRARIES,
}
for daemon in ('slurmctld', 'slurmdbd', 'slurmd', 'slurmstepd', 'munged', 'slurmrestd', 'slinkyd',
               'sluice', 'sim'):
    LAYERS[daemon] = LIBRARIES
LAYERS['sluice'] = LIBRARIES | {'sim'}

# The pure core is told the time and speaks through effects: nothing here may reach the world.
CORE_HEADERS = re.compile(
    r'(time|fcntl|unistd|pthread|threads|signal|poll|netdb|dirent|pwd|grp|locale)\.h$'
    r'|sys/(?!types)|(netinet|arpa|linux|net)/|base/(clock|log)\.h$')
CORE_CALLS = re.compile(
    r'\b(f?open|openat|fdopen|f?read|f?write|close|f?printf|v?fprintf|f?puts|putchar|fgets|fflush'
    r'|socket|connect|accept4?|bind|listen|send\w*|recv\w*|poll|select|epoll_\w+|pthread_\w+|thrd_\w+'
    r'|mtx_\w+|clock\w*|gettimeofday|localtime(_r)?|gmtime(_r)?|mktime|strftime|nanosleep|u?sleep'
    r'|getenv|secure_getenv|setenv|getpid|getuid|getpw\w+|fork|exec\w+|kill|s?random|getrandom'
    r'|log_(at|error|info|verbose|debug|limited)|die)\s*\(')

BANNED = {  # call: what to use instead
    'strcpy': 'arena_strdup or snprintf', 'strcat': 'buf_puts', 'stpcpy': 'buf_puts',
    'strncpy': 'snprintf', 'strncat': 'buf_put', 'sprintf': 'snprintf', 'vsprintf': 'vsnprintf',
    'gets': 'fgets', 'strtok': 'strcspn', 'system': 'posix_spawn or node/exec',
    'popen': 'posix_spawn or node/exec', 'time': 'clock_wall_s', 'clock_gettime': 'base/clock.h',
    'gettimeofday': 'base/clock.h', 'rand': 'a seeded generator', 'srand': 'a seeded generator',
    'random': 'a seeded generator', 'alloca': 'an arena', 'malloc': 'xmalloc', 'calloc': 'xcalloc',
    'realloc': 'xrealloc', 'strdup': 'xstrdup', 'strndup': 'xstrndup', 'asprintf': 'xasprintf',
}
BANNED_CALL = re.compile(r'(?<![\w.>])(%s)\s*\(' % '|'.join(BANNED))

SQL = re.compile(r'\b(SELECT|INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|WHERE|VALUES)\b'
                 r'|\bselect\s.+\sfrom\b|\b(insert|replace)\s+(or\s+\w+\s+)?into\b'
                 r'|\bdelete\s+from\b|\bupdate\s+\S+\s+set\b|\b(drop|alter|create)\s+table\b', re.S)
CONVERSION = re.compile(r'%[-+ #0]*[\d*]*(\.[\d*]*)?(hh|h|ll|l|j|z|t)?[diouxXeEfFgGaAcsp]')

LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r'^[ \t]*#(?:\\\n|[^\n])*', re.M)
ATTRIBUTE = re.compile(r'__attribute__\s*\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)')


def blank(text):
    return re.sub(r'[^\n]', ' ', text)


class Source:
    """One file, with its comments and literals set apart."""

    def __init__(self, path, folder, text):
        self.path, self.folder, self.text = path, folder, text
        self.strings = []        # (position, end, contents)
        self.comment_lines = set()
        self.code = LITERAL.sub(self._literal, text)
        self.bare = DIRECTIVE.sub(lambda m: blank(m[0]), self.code)
        self.functions, self.declarations = top_level(self.bare)

    def _literal(self, m):
        if m[0][0] == '/':
            first = self.line(m.start())
            self.comment_lines.update(range(first, first + m[0].count('\n') + 1))
            return blank(m[0])
        if m[0][0] == '"':
            self.strings.append((m.start(), m.end(), m[0][1:-1]))
        return m[0][0] + blank(m[0][1:-1]) + m[0][-1]

    def line(self, at):
        return self.text.count('\n', 0, at) + 1


class Function:
    def __init__(self, bare, start, opened, closed):
        self.head = ATTRIBUTE.sub('', bare[start:opened])
        self.start = start + len(bare[start:opened]) - len(bare[start:opened].lstrip())
        self.body = (opened, closed + 1)
        self.lines = bare.count('\n', self.start, closed) + 1
        m = re.search(r'([A-Za-z_]\w*)\s*\(', self.head)
        self.name = m[1] if m else '?'
        self.parameters = count_parameters(self.head[m.end():]) if m else 0
        self.nesting = nesting(bare, opened, closed)


def top_level(bare):
    """Functions, and the other file-scope statements as (position, text)."""
    functions, declarations = [], []
    depth = start = opened = 0
    for m in re.finditer('[{};]', bare):
        at = m.start()
        if m[0] == '{':
            opened = at if depth == 0 else opened
            depth += 1
        elif m[0] == '}':
            depth = max(depth - 1, 0)
            head = ATTRIBUTE.sub('', bare[start:opened])
            if depth == 0 and head.rstrip().endswith(')') and '=' not in head:
                functions.append(Function(bare, start, opened, at))
                start = at + 1
        elif depth == 0:
            text = bare[start:at]
            declarations.append((start + len(text) - len(text.lstrip()), text))
            start = at + 1
    return functions, declarations


def count_parameters(rest):
    depth, commas, inside = 1, 0, ''
    for c in rest:
        depth += (c == '(') - (c == ')')
        if depth == 0:
            break
        commas += c == ',' and depth == 1
        inside += c
    return 0 if inside.strip() in ('', 'void') else commas + 1


def is_block(bare, at):
    """Whether the brace at `at` opens a block, not an initialiser or a compound literal."""
    before = bare[:at].rstrip()
    if before[-1] in '=,({[' or re.search(r'\breturn$', before):
        return False
    if before[-1] != ')':
        return True
    depth = 0
    for i in range(len(before) - 1, -1, -1):
        depth += (before[i] == ')') - (before[i] == '(')
        if depth == 0:
            word = re.search(r'(\w+)\s*$', before[:i])
            return bool(word) and word[1] not in ('return', 'sizeof')
    return True


def nesting(bare, opened, closed):
    """The deepest block inside a body; the body itself is not counted."""
    stack, deepest = [], 0
    for m in re.finditer('[{}]', bare[opened:closed]):
        if m[0] == '}':
            stack.pop()
            continue
        stack.append(not stack or (stack[-1] and is_block(bare, opened + m.start())))
        deepest = max(deepest, sum(stack) - 1)
    return deepest


def is_mutable(declaration):
    """Whether a statement at file scope (or with static in front) defines a variable that may change."""
    d, before = ATTRIBUTE.sub('', declaration), None
    while d != before:
        before, d = d, re.sub(r'\{[^{}]*\}', '\0', d)
    d = re.sub(r'\[[^\]]*\]', '', d.split('=')[0]).strip()
    if not d or re.match(r'(typedef|extern|_Static_assert|static_assert)\b', d):
        return False
    if '(' in d:  # a prototype, a row, or a pointer to a function
        return bool(re.match(r'[\w\s*]+\(\s*\*\s*(?!const\b)\w', d))
    if re.fullmatch(r'(struct|union|enum)\s*\w*\s*\0?', d) or not re.search(r'[\w\0*]\s*\w+$', d):
        return False
    return 'const' not in re.findall(r'\w+', d[d.rfind('*') + 1:])


# ---- the rules: each yields (position or line, rule, what)

def check_shape(s):
    lines = s.text.split('\n')
    if len(lines) - 1 > FILE_LINES:
        yield s.line(len(s.text)), 'file-length', f'{len(lines) - 1} lines; the limit is {FILE_LINES}'
    for n, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS:
            yield n, 'line-length', f'{len(line)} columns; the limit is {LINE_COLUMNS}'
        if re.search(r'\b(TODO|FIXME)\b', line):
            yield n, 'todo', 'finish it, or open an issue and name it'
    for f in s.functions:
        at = s.line(f.start)
        if f.lines > FUNCTION_LINES:
            yield at, 'function-length', f'{f.name} has {f.lines} lines; the limit is {FUNCTION_LINES}'
        if f.nesting > NESTING:
            yield at, 'nesting', f'{f.name} nests {f.nesting} deep; the limit is {NESTING}'
        if f.parameters > PARAMETERS and f.name not in DICTATED.get(s.path.replace(os.sep, '/'), ()):
            yield at, 'parameters', f'{f.name} takes {f.parameters}; the limit is {PARAMETERS}'


def check_includes(s):
    allowed = LAYERS.get(s.folder)
    if allowed is None:
        yield 1, 'layers', f'folder "{s.folder}" is not in the table of tidy.py'
        return
    for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"\n]+)', s.text, re.M):
        if '#' not in s.code[m.start():m.end()]:
            continue  # inside a comment
        at, name = s.line(m.start()), m[2]
        target = name.split('/')[0] if '/' in name else s.folder
        if m[1] == '"' and target != s.folder and target not in allowed:
            yield at, 'layers', f'{s.folder} may not include {name}'
        if s.folder == 'core' and CORE_HEADERS.search(name):
            yield at, 'core-purity', f'the core may not include {name}'


def check_calls(s):
    for m in re.finditer(r'\bgoto\b', s.code):
        yield s.line(m.start()), 'goto', 'use CLEANUP, or a function'
    if s.folder != 'base':
        for m in BANNED_CALL.finditer(s.code):
            yield s.line(m.start()), 'banned-call', f'{m[1]}: use {BANNED[m[1]]}'
    if s.folder == 'core':
        for m in CORE_CALLS.finditer(s.code):
            if s.code[max(m.start() - 1, 0)] not in '.>':
                yield s.line(m.start()), 'core-purity', f'the core may not call {m[1]}'


def check_conditionals(s):
    if s.folder == 'base':
        return
    guard = re.search(r'^#ifndef (\w+)\n#define \1\n', s.code, re.M) if s.path.endswith('.h') else None
    for m in re.finditer(r'^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)\b', s.code, re.M):
        if not guard or m.start() != guard.start():
            yield s.line(m.start()), 'conditional', f'#{m[1]} belongs in base'


def check_state(s):
    if s.path.endswith('base/log.c'):
        return
    for at, text in s.declarations:
        if is_mutable(text):
            yield s.line(at), 'mutable-state', 'a variable at file scope; pass it as a parameter'
    for f in s.functions:
        for m in re.finditer(r'\bstatic\b', s.bare[f.body[0]:f.body[1]]):
            at = f.body[0] + m.start()
            if is_mutable(statement(s.bare, at)):
                yield s.line(at), 'mutable-state', f'a static variable that changes in {f.name}'


def statement(bare, at):
    depth = 0
    for i in range(at, len(bare)):
        depth += (bare[i] == '{') - (bare[i] == '}')
        if bare[i] == ';' and depth == 0:
            return bare[at:i]
    return bare[at:]


def check_sql(s):
    if s.folder != 'slurmdbd':
        return
    whole, first, end = '', 0, None
    for at, stop, text in s.strings + [(len(s.text), 0, '')]:
        between = s.bare[end:at].strip() if end is not None else None
        if between is not None and re.fullmatch(r'(PRI\w+)?', between) and at < len(s.text):
            whole += ('d' if between else '') + text
            end = stop
            continue
        if end is not None and SQL.search(whole) and CONVERSION.search(whole.replace('%%', '')):
            yield s.line(first), 'sql', 'values are bound, never printed into a statement'
        whole, first, end = text, at, stop


CHECKS = (check_shape, check_includes, check_calls, check_conditionals, check_state, check_sql)


def sources(root):
    for top in ('src', 'tools'):
        for where, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            inside = os.path.relpath(where, os.path.join(root, top)).split(os.sep)[0]
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    path = os.path.join(where, name)
                    with open(path, encoding='utf-8', errors='replace') as f:
                        yield Source(os.path.relpath(path, root),
                                     'tools' if top == 'tools' else inside, f.read())


def check_readmes(root):
    src = os.path.join(root, 'src')
    for folder in sorted(os.listdir(src)):
        where = os.path.join(src, folder)
        if os.path.isdir(where) and not os.path.exists(os.path.join(where, 'README.md')):
            yield f'src/{folder}:1: readme: no README.md'


def findings(root):
    yield from check_readmes(root)
    for s in sources(root):
        for check in CHECKS:
            for line, rule, what in check(s):
                yield f'{s.path}:{line}: {rule}: {what}'


def print_stats(root):
    folders = {}
    for s in sources(root):
        lengths, tally = folders.setdefault(s.folder, ([], [0, 0, 0]))
        lengths.extend(f.lines for f in s.functions)
        filled = {n for n, line in enumerate(s.text.split('\n'), 1) if line.strip()}
        tally[0] += 1
        tally[1] += len(filled)
        tally[2] += len(filled & s.comment_lines)
    print(f'{"folder":<12}{"files":>6}{"lines":>8}{"comments":>10}'
          f'{"functions":>11}{"median":>8}{"p90":>6}{"max":>6}')
    everything = sum((lengths for lengths, _ in folders.values()), [])
    totals = [sum(tally[i] for _, tally in folders.values()) for i in range(3)]
    for folder, (lengths, (files, lines, comments)) in [*folders.items(), ('all', (everything, totals))]:
        lengths = sorted(lengths) or [0]
        print(f'{folder:<12}{files:>6}{lines:>8}{100 * comments / max(lines, 1):>9.0f}%'
              f'{len(lengths):>11}{statistics.median(lengths):>8.0f}'
              f'{lengths[int(len(lengths) * 0.9)]:>6}{lengths[-1]:>6}')


def main(arguments):
    names = [a for a in arguments if not a.startswith('--')]
    root = names[0] if names else os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
    if '--stats' in arguments:
        print_stats(root)
        return 0
    found = list(findings(root))
    print('\n'.join(found) if found else 'tidy')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
