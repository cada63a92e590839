/* slurm.conf, slurmdbd.conf: syntax, keys, node and partition lines.  Keys are rows of
 * schema/conf_*.def. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One member for each key that somebody acts on; filled from schema/conf_slurm.def.  Strings live
 * in conf->arena. Paths still hold %n, %h: conf_node_path replaces them. */
struct conf;

/* Reads the whole file or nothing.  Unknown key: error with file:line and the nearest name.  Known
 * keys nobody acts on yet: one entry in warnings each. */
int conf_load(const char *path, struct conf **ret, struct err *e);
/* The same without node and partition lines: all that a command needs, whatever the size of the
 * cluster. */
int conf_load_keys(const char *path, struct conf **ret, struct err *e);
void conf_free(struct conf *c);
/* --f / SLURM_CONF / the built-in default (SYSCONFDIR "/slurm.conf"). */
const char *conf_default_path(const char *option);
const struct strs *conf_warnings(const struct conf *c);

/* Values by key name, as text or number, for every key of the table (default when unset). */
const char *conf_str(const struct conf *c, const char *key); /* "" when unset without a default */
/* Numbers and booleans; seconds for times written as [D-]HH:MM:SS; the first of a port range.
 * UINT32_MAX for UNLIMITED and INFINITE. */
uint32_t conf_u32(const struct conf *c, const char *key);
bool conf_flag(const struct conf *c, const char *key,
               const char *word); /* is the word in the comma list? word= also matches */
const char *conf_param(const struct conf *c, const char *key,
                       const char *word); /* "value" of word=value in the list, or NULL */
bool conf_is_set(const struct conf *c, const char *key);
const char *conf_path(const struct conf *c); /* of the file that was read */
const char *conf_hash(const struct conf *c); /* hex, of the content with includes */

/* Controller hosts in order (SlurmctldHost, or ControlMachine/BackupController): name and address.
 */
struct conf_host {
    const char *name, *address;
};
uint32_t conf_controllers(const struct conf *c, const struct conf_host **ret);

const char *conf_munge_socket(const struct conf *c); /* AuthInfo=socket=, else the default */
const char *conf_dbd_munge_socket(
    const struct conf *c); /* AccountingStoragePass as a socket, else the former */
int conf_slurm_uid(const struct conf *c, uid_t *ret, struct err *e); /* SlurmUser resolved */

/* Replaces %n (NodeName), %h (hostname), %% in a path of slurmd. */
char *conf_node_path(const struct conf *c, const char *key, const char *node, struct arena *a);

const struct conf_node *conf_find_node(const struct conf *c,
                                       const char *name); /* NULL when unknown */
const struct conf_node *conf_node_of_host(const struct conf *c,
                                          const char *hostname); /* slurmd without -N */

/* What the core is told.  Lives in the arena. */
int conf_to_core(const struct conf *c, struct arena *a, struct core_conf *ret, struct err *e);
/* scontrol show config: every key in Slurm's order and format. */
void conf_show(const struct conf *c, struct arena *a, struct conf_info *ret);

/* slurmdbd.conf: the same functions serve it. Refuses a file that others can read, with the chmod
 * that mends it. */
int conf_load_dbd(const char *path, struct conf **ret, struct err *e);

/* cgroup.conf beside slurm.conf.  A file that is not there is one without lines. */
int conf_load_cgroup(const char *slurm_path, struct conf **ret, struct err *e);
/* What both files ask of cgroups.  Which version and where is found out on the node; words and
 * names live as long as the configurations. */
void conf_to_cgroup(const struct conf *slurm, const struct conf *cgroup, struct cgroup_plan *ret);

/* gres.conf beside slurm.conf: the lines for this node, in the arena.  A file that is not there is
 * one without lines. */
int conf_load_gres(const char *slurm_path, const char *node, struct arena *a,
                   struct gres_conf *ret, struct err *e);

#endif
