/* -M a,b: the same command to several clusters (clusters.h). */
#include "cli/clusters.h"

#include "cli/connect.h"
#include "cli/words.h"
#include "schema/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has_all(const struct strs *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (strcasecmp(list->v[i], "all") == 0)
            return true;
    return false;
}

void clusters_expand(struct strs *list, struct arena *a)
{
    struct rule_query q = { .entity = "cluster" };
    struct connection dbd = { 0 };
    struct rule_book *book;
    struct strs all = { 0 };
    struct err e = { 0 };

    if (!has_all(list))
        return;
    if (connection_open_dbd(&dbd, &e) == 0 &&
        client_call(dbd.client, OP_rule_list, &q, a, (void **)&book, &e) == 0)
        for (uint32_t i = 0; i < book->clusters.n; i++)
            if (book->clusters.v[i].control_port)
                words_add(&all, book->clusters.v[i].name, a);
    connection_close(&dbd);
    if (all.n)
        *list = all;
}

static int status_of(pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) < 0)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

bool clusters_split(const char *command, struct strs *list, struct arena *a, int *ret_status)
{
    clusters_expand(list, a);
    if (list->n < 2)
        return false;
    *ret_status = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        pid_t child;
        int status;

        fflush(stdout);
        child = fork();
        if (child == 0) {
            *list = (struct strs){ &list->v[i], 1 };
            return false;
        }
        status = child < 0 ? 1 : status_of(child);
        if (status > *ret_status)
            *ret_status = status;
    }
    return true;
}
