/* unmunge: asks munged whether a credential is good, and shows what is in it. */
#include "base/cleanup.h"
#include "munged/command.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define NAME "unmunge"
#define SEPARATORS " \t\n\r\f\v,;."

static const struct option_row rows[] = {
    { OPTION_HELP },
    { OPTION_LICENSE },
    { OPTION_VERSION },
    { 0 },
    { "input", 'i', "PATH", "Input credential from file" },
    { "no-output", 'n', NULL, "Discard all output" },
    { "metadata", 'm', "PATH", "Output metadata to file" },
    { "output", 'o', "PATH", "Output payload to file" },
    { 0 },
    { "keys", 'k', "STR", "Specify subset of metadata keys to output" },
    { "list-keys", 'K', NULL, "Display list of metadata keys" },
    { "numeric", 'N', NULL, "Display metadata values numerically" },
    { ROW_SOCKET },
};

static const struct program program = {
    .name = NAME,
    .rows = rows,
    .n = sizeof rows / sizeof *rows,
    PROGRAM_WORDS,
    .footer = "By default, credential read from stdin, metadata & payload written to stdout."
};

struct show {
    const char *socket, *input, *metadata, *output; /* the outputs: NULL is nowhere */
    uint32_t keys;                                  /* bit i: row i of `fields` */
    bool has_keys, is_numeric;
};

/* ---- one line of metadata each */

/* `at` is the member that the row below points to; its type is the printer's. */
typedef void print_fn(FILE *out, const void *at, bool is_numeric);

/* "aes128 (4)", or the number alone. */
static void named(FILE *out, const char *name, uint32_t number, bool is_numeric)
{
    if (is_numeric)
        fprintf(out, "%u", number);
    else
        fprintf(out, "%s (%u)", name ? name : "???", number);
}

static void print_status(FILE *out, const void *at, bool is_numeric)
{
    int code = *(const int *)at;

    named(out, munge_text(code), (uint32_t)code, is_numeric);
}

static void print_host(FILE *out, const void *at, bool is_numeric)
{
    char host[NI_MAXHOST], address[INET_ADDRSTRLEN];
    struct sockaddr_in from = { .sin_family = AF_INET };

    memcpy(&from.sin_addr, at, sizeof from.sin_addr);
    inet_ntop(AF_INET, at, address, sizeof address);
    if (is_numeric)
        fputs(address, out);
    else if (getnameinfo((struct sockaddr *)&from, sizeof from, host, sizeof host, NULL, 0,
                         NI_NAMEREQD) == 0)
        fprintf(out, "%s (%s)", host, address);
    else
        fprintf(out, "??? (%s)", address);
}

static void print_time(FILE *out, const void *at, bool is_numeric)
{
    uint32_t when = *(const uint32_t *)at;
    time_t t = when;
    char text[64];
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &tm);
    named(out, text, when, is_numeric);
}

static void print_seconds(FILE *out, const void *at, bool is_numeric)
{
    fprintf(out, "%u", *(const uint32_t *)at);
}

static void print_cipher(FILE *out, const void *at, bool is_numeric)
{
    uint8_t id = *(const uint8_t *)at;

    named(out, id < CIPHERS ? munge_ciphers[id].name : NULL, id, is_numeric);
}

static void print_mac(FILE *out, const void *at, bool is_numeric)
{
    uint8_t id = *(const uint8_t *)at;

    named(out, id < MACS ? munge_macs[id].name : NULL, id, is_numeric);
}

static void print_zip(FILE *out, const void *at, bool is_numeric)
{
    uint8_t id = *(const uint8_t *)at;

    named(out, id < ZIPS ? munge_zips[id] : NULL, id, is_numeric);
}

static void print_user(FILE *out, const void *at, bool is_numeric)
{
    uint32_t uid = *(const uint32_t *)at;
    const struct passwd *pw = is_numeric ? NULL : getpwuid(uid);

    named(out, pw ? pw->pw_name : NULL, uid, is_numeric);
}

static void print_group(FILE *out, const void *at, bool is_numeric)
{
    uint32_t gid = *(const uint32_t *)at;
    const struct group *gr = is_numeric ? NULL : getgrgid(gid);

    named(out, gr ? gr->gr_name : NULL, gid, is_numeric);
}

static void print_length(FILE *out, const void *at, bool is_numeric)
{
    fprintf(out, "%zu", *(const size_t *)at);
}

/* In the order in which they are shown. */
static const struct {
    const char *name;
    print_fn *print;
    size_t offset;       /* in struct munge_found */
    bool is_restriction; /* no line when it is MUNGE_ANY */
} fields[] = {
#define AT(member) offsetof(struct munge_found, member)
    { "STATUS", print_status, AT(code), false },
    { "ENCODE_HOST", print_host, AT(addr), false },
    { "ENCODE_TIME", print_time, AT(time0), false },
    { "DECODE_TIME", print_time, AT(time1), false },
    { "TTL", print_seconds, AT(ttl_s), false },
    { "CIPHER", print_cipher, AT(cipher), false },
    { "MAC", print_mac, AT(mac), false },
    { "ZIP", print_zip, AT(zip), false },
    { "UID", print_user, AT(uid), false },
    { "GID", print_group, AT(gid), false },
    { "UID_RESTRICTION", print_user, AT(auth_uid), true },
    { "GID_RESTRICTION", print_group, AT(auth_gid), true },
    { "LENGTH", print_length, AT(len), false },
#undef AT
};
#define FIELDS (sizeof fields / sizeof *fields)

/* ---- options */

static void keys_print(void)
{
    puts("Metadata keys:\n");
    for (size_t i = 0; i < FIELDS; i++)
        printf("  %s\n", fields[i].name);
    putchar('\n');
    exit(EXIT_SUCCESS);
}

/* Unknown keys are ignored. */
static uint32_t keys_parse(const char *text)
{
    uint32_t keys = 0;

    for (const char *p = text + strspn(text, SEPARATORS); *p; p += strspn(p, SEPARATORS)) {
        size_t len = strcspn(p, SEPARATORS);
        for (size_t i = 0; i < FIELDS; i++)
            if (strlen(fields[i].name) == len && strncasecmp(p, fields[i].name, len) == 0)
                keys |= 1u << i;
        p += len;
    }
    return keys;
}

static void option_set(void *ctx, int letter, const char *arg)
{
    struct show *s = ctx;

    switch (letter) {
    case 'i':
        s->input = arg;
        break;
    case 'n':
        s->metadata = s->output = NULL;
        break;
    case 'm':
        s->metadata = arg;
        break;
    case 'o':
        s->output = arg;
        break;
    case 'k':
        s->has_keys = true;
        s->keys |= keys_parse(arg);
        break;
    case 'K':
        keys_print();
        break;
    case 'N':
        s->is_numeric = true;
        break;
    case 'S':
        s->socket = arg;
        break;
    default:
        break;
    }
}

/* ---- output */

static void metadata_write(const struct show *s, FILE *out, const struct munge_found *f)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const void *at = (const uint8_t *)f + fields[i].offset;
        if (!(s->keys >> i & 1) || (fields[i].is_restriction && *(const uint32_t *)at == MUNGE_ANY))
            continue;
        fprintf(out, "%s:%*s", fields[i].name, 16 - (int)strlen(fields[i].name), "");
        fields[i].print(out, at, s->is_numeric);
        putc('\n', out);
    }
}

/* Where both go to one place, an empty line parts the metadata from the payload, which ends as
 * it ends: no newline is added to it. */
static void show(const struct show *s, const struct munge_found *f)
{
    bool is_one = s->metadata && s->output && strcmp(s->metadata, s->output) == 0;
    FILE *meta = s->metadata ? command_open(NAME, s->metadata) : NULL;
    FILE *data = is_one ? meta : s->output ? command_open(NAME, s->output) : NULL;

    if (meta)
        metadata_write(s, meta, f);
    if (is_one)
        putc('\n', meta);
    if (data && f->len > 0)
        fwrite(f->payload, 1, f->len, data);
    if (meta)
        command_close(NAME, s->metadata, meta);
    if (data && !is_one)
        command_close(NAME, s->output, data);
}

/* An expired, rewound or replayed credential is shown like a good one; only the exit status,
 * which is the code of the contract, tells. */
int main(int argc, char **argv)
{
    struct show s = { .socket = MUNGE_SOCKET, .input = "-", .metadata = "-", .output = "-" };
    CLEANUP(buf_fini) struct buf cred = { 0 };
    CLEANUP(buf_fini) struct buf keep = { 0 };
    struct munge_found found;
    struct err e;

    options_parse(&program, argc, argv, option_set, &s);
    if (!s.has_keys)
        s.keys = (1u << FIELDS) - 1;
    command_read(NAME, s.input, &cred);
    int err = munge_decode(s.socket, (const char *)cred.data, cred.len, &keep, &found, &e);
    if (err < 0 && !found.has_fields)
        fail(NAME, -err, "%s", e.text);
    show(&s, &found);
    return -err;
}
