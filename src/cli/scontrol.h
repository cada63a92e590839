/* What the parts of scontrol share. */
#ifndef CLI_SCONTROL_H
#define CLI_SCONTROL_H

#include "cli/connect.h"
#include "cli/output.h"

struct scontrol {
    struct arena arena;           /* of the present command line */
    struct connection connection; /* opened by the first verb that needs it */
    bool is_open;
    bool all, detail, one_line, quiet, json, hide;
    int verbose;
    const char *cluster; /* -M; NULL: our own */
    bool wants_exit;     /* quit, exit */
    struct buf out;
};

/* A verb gets the words behind it and returns the exit status. */
struct verb {
    const char *name;
    int least, most; /* words; most < 0: any number */
    int (*run)(struct scontrol *s, int count, char **words);
    unsigned opcode; /* of verbs that share a function */
};

/* Sends one request; the answer lives in the arena.  Opens the connection when there is none yet.
 */
int scontrol_call(struct scontrol *s, unsigned opcode, const void *request, void **ret,
                  struct err *e);

/* Prints what failed, unless --quiet; returns 1 for the caller to return. */
int scontrol_fail(const struct scontrol *s, const char *what, const struct err *e);

int scontrol_show(struct scontrol *s, int count, char **words);
int scontrol_update(struct scontrol *s, int count, char **words);
int scontrol_job_verb(struct scontrol *s, unsigned opcode, int count, char **words);
int scontrol_ping(struct scontrol *s, int count, char **words);
int scontrol_write(struct scontrol *s, int count, char **words);
int scontrol_create(struct scontrol *s, int count, char **words);
int scontrol_delete(struct scontrol *s, int count, char **words);
int scontrol_update_resv(struct scontrol *s, int count, char **words);
int scontrol_wait_job(struct scontrol *s, int count, char **words);

extern const struct text_table node_record; /* rows are struct node_info */
extern const struct text_table part_record; /* rows are struct part_info */
extern const struct text_table step_record; /* rows are struct step_info */
extern const struct text_table resv_record; /* rows are struct resv_info */

/* scontrol_book.c */
int show_assoc_mgr(struct scontrol *s, const char *which);

#endif
