/* What squeue, sinfo and scontrol have in common on their way out. */
#include "cli/output.h"

#include "cli/say.h"
#include "net/daemon.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void output_flush(struct buf *out)
{
    if (out->len)
        fwrite(out->data, 1, out->len, stdout);
    fflush(stdout);
    buf_reset(out);
}

void output_load_error(const char *what, const struct err *e)
{
    size_t shown = say_hints() ? strlen(e->text) : strcspn(e->text, "\n");

    fprintf(stderr, "%s error: %.*s\n", what, (int)shown, e->text);
}

void output_bad_format(const char *command, const struct text_table *t, const struct text_format *f)
{
    for (uint32_t i = 0; i < f->bad.n; i++)
        fprintf(stderr, "%s: error: Invalid %s format specification: %s\n", command, t->noun,
                f->bad.v[i]);
}

int output_clusters_check(const char *command, const struct strs *asked, const char *own)
{
    for (uint32_t i = 0; i < asked->n; i++) {
        if (strcasecmp(asked->v[i], "all") == 0 || strcmp(asked->v[i], own) == 0)
            continue;
        fprintf(stderr,
                "%s: error: '%s' can't be reached now, or it is an invalid entry for --cluster.  "
                "Use 'sacctmgr list clusters' to see available clusters.\n",
                command, asked->v[i]);
        return -1;
    }
    return 0;
}

void output_date(int64_t now, struct buf *out)
{
    time_t when = (time_t)now;
    struct tm tm;
    char text[64];

    localtime_r(&when, &tm);
    strftime(text, sizeof text, "%a %b %d %H:%M:%S %Y\n", &tm);
    buf_puts(out, text);
}

void output_json_open(const char *name, struct buf *out)
{
    buf_printf(out, "{\n\"%s\": [", name);
}

void output_json_item(bool first, struct buf *out)
{
    buf_puts(out, first ? "\n" : ",\n");
}

void output_json_close(const char *command, const char *cluster, struct buf *out)
{
    const char *release = strchr(SLURM_COMPAT_VERSION, ' ') + 1;
    int major = 0, minor = 0, micro = 0;

    sscanf(release, "%d.%d.%d", &major, &minor, &micro);
    buf_puts(out, "\n],\n\"meta\": {\"plugins\": {\"data_parser\": \"data_parser/v0.0.40\"}, "
                  "\"command\": [");
    json_write_string(command, out);
    buf_printf(out,
               "], \"slurm\": {\"version\": {\"major\": \"%d\", \"micro\": \"%d\", "
               "\"minor\": \"%02d\"}, \"release\": \"%s\", \"cluster\": ",
               major, micro, minor, release);
    json_write_string(cluster ? cluster : "", out);
    buf_puts(out, "}},\n\"errors\": [],\n\"warnings\": []\n}\n");
}

struct text_env output_env(int64_t now, const char *cluster, bool noconvert)
{
    return (struct text_env){
        .now = now,
        .time_format = getenv("SLURM_TIME_FORMAT"),
        .cluster = cluster,
        .noconvert = noconvert,
    };
}
