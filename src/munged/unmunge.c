/* unmunge: asks munged whether a credential is good, and shows what is in it. */
#include "base/cleanup.h"
#include "munged/command.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define NAME "unmunge"
#define SEPARATORS " \t\n\r\f\v,;."

static const struct option_row rows[] = {
    OPTION_HELP,
    OPTION_LICENSE,
    OPTION_VERSION,
    { 0 },
    { "input", 'i', "PATH", "Input credential from file" },
    { "no-output", 'n', NULL, "Discard all output" },
    { "metadata", 'm', "PATH", "Output metadata to file" },
    { "output", 'o', "PATH", "Output payload to file" },
    { 0 },
    { "keys", 'k', "STR", "Specify subset of metadata keys to output" },
    { "list-keys", 'K', NULL, "Display list of metadata keys" },
    { "numeric", 'N', NULL, "Display metadata values numerically" },
    ROW_SOCKET,
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

typedef void print_fn(FILE *out, const struct munge_found *f, bool is_numeric);

/* "aes128 (4)", or the number alone. */
static void named(FILE *out, const char *name, uint32_t number, bool is_numeric)
{
    if (is_numeric)
        fprintf(out, "%u", number);
    else
        fprintf(out, "%s (%u)", name ? name : "???", number);
}

static void print_status(FILE *out, const struct munge_found *f, bool is_numeric)
{
    named(out, munge_text(f->code), (uint32_t)f->code, is_numeric);
}

static void print_host(FILE *out, const struct munge_found *f, bool is_numeric)
{
    char host[NI_MAXHOST], address[INET_ADDRSTRLEN];
    struct sockaddr_in at = { .sin_family = AF_INET };

    memcpy(&at.sin_addr, f->addr, sizeof f->addr);
    inet_ntop(AF_INET, f->addr, address, sizeof address);
    if (is_numeric)
        fputs(address, out);
    else if (getnameinfo((struct sockaddr *)&at, sizeof at, host, sizeof host, NULL, 0,
                         NI_NAMEREQD) == 0)
        fprintf(out, "%s (%s)", host, address);
    else
        fprintf(out, "??? (%s)", address);
}

static void print_time(FILE *out, uint32_t when, bool is_numeric)
{
    time_t t = when;
    char text[64];
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &tm);
    named(out, text, when, is_numeric);
}

static void print_time0(FILE *out, const struct munge_found *f, bool is_numeric)
{
    print_time(out, f->time0, is_numeric);
}

static void print_time1(FILE *out, const struct munge_found *f, bool is_numeric)
{
    print_time(out, f->time1, is_numeric);
}

static void print_ttl(FILE *out, const struct munge_found *f, bool is_numeric)
{
    fprintf(out, "%u", f->ttl_s);
}

static void print_cipher(FILE *out, const struct munge_found *f, bool is_numeric)
{
    named(out, f->cipher < CIPHERS ? munge_ciphers[f->cipher].name : NULL, f->cipher, is_numeric);
}

static void print_mac(FILE *out, const struct munge_found *f, bool is_numeric)
{
    named(out, f->mac < MACS ? munge_macs[f->mac].name : NULL, f->mac, is_numeric);
}

static void print_zip(FILE *out, const struct munge_found *f, bool is_numeric)
{
    named(out, f->zip < ZIPS ? munge_zips[f->zip] : NULL, f->zip, is_numeric);
}

static void print_user(FILE *out, uint32_t uid, bool is_numeric)
{
    const struct passwd *pw = is_numeric ? NULL : getpwuid(uid);

    named(out, pw ? pw->pw_name : NULL, uid, is_numeric);
}

static void print_group(FILE *out, uint32_t gid, bool is_numeric)
{
    const struct group *gr = is_numeric ? NULL : getgrgid(gid);

    named(out, gr ? gr->gr_name : NULL, gid, is_numeric);
}

static void print_uid(FILE *out, const struct munge_found *f, bool is_numeric)
{
    print_user(out, f->uid, is_numeric);
}

static void print_gid(FILE *out, const struct munge_found *f, bool is_numeric)
{
    print_group(out, f->gid, is_numeric);
}

static void print_auth_uid(FILE *out, const struct munge_found *f, bool is_numeric)
{
    print_user(out, f->auth_uid, is_numeric);
}

static void print_auth_gid(FILE *out, const struct munge_found *f, bool is_numeric)
{
    print_group(out, f->auth_gid, is_numeric);
}

static void print_length(FILE *out, const struct munge_found *f, bool is_numeric)
{
    fprintf(out, "%zu", f->len);
}

static const struct {
    const char *name;
    print_fn *print;
} fields[] = {
    { "STATUS", print_status },
    { "ENCODE_HOST", print_host },
    { "ENCODE_TIME", print_time0 },
    { "DECODE_TIME", print_time1 },
    { "TTL", print_ttl },
    { "CIPHER", print_cipher },
    { "MAC", print_mac },
    { "ZIP", print_zip },
    { "UID", print_uid },
    { "GID", print_gid },
    { "UID_RESTRICTION", print_auth_uid },
    { "GID_RESTRICTION", print_auth_gid },
    { "LENGTH", print_length },
};
#define FIELDS (sizeof fields / sizeof *fields)

/* A restriction that is none has no line. */
static bool is_absent(size_t i, const struct munge_found *f)
{
    return (fields[i].print == print_auth_uid && f->auth_uid == MUNGE_ANY) ||
           (fields[i].print == print_auth_gid && f->auth_gid == MUNGE_ANY);
}

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
        if (!(s->keys >> i & 1) || is_absent(i, f))
            continue;
        fprintf(out, "%s:%*s", fields[i].name, 16 - (int)strlen(fields[i].name), "");
        fields[i].print(out, f, s->is_numeric);
        putc('\n', out);
    }
}

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
