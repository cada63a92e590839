/* What the files of mkdoc share.  mkdoc prints the schema for people: manual pages, a .proto,
 * tables. It is linked with the tables that the programs are linked with, so what it says is what
 * they do. */
#ifndef TOOLS_MKDOC_H
#define TOOLS_MKDOC_H

#include <stdio.h>

/* ---- mkdoc_roff.c: text as man(7) wants it */
void roff_text(FILE *out, const char *text);                   /* escaped, no newline added */
void roff_item(FILE *out, const char *term, const char *text); /* a term, what it means */
void roff_verbatim(FILE *out, const char *text);               /* lines as they are */

/* ---- lists that a manual page asks for with a line @NAME@ */
void submit_options(FILE *out);
void submit_variables(FILE *out);
void job_columns(FILE *out);
void step_columns(FILE *out);
void node_columns(FILE *out);
void acct_columns(FILE *out);
void job_states(FILE *out);
void job_reasons(FILE *out);
void error_list(FILE *out);
void slurm_keys(FILE *out);
void node_keys(FILE *out);
void part_keys(FILE *out);
void cgroup_keys(FILE *out);
void dbd_keys(FILE *out);

/* ---- documents of their own */
void proto_print(FILE *out);  /* every message and call, for protoc and other people's tools */
void rpc_print(FILE *out);    /* who may call what, as a Markdown table */
void states_print(FILE *out); /* every move of a job, as a Markdown table */
void conf_print(FILE *out);   /* slurm.conf with every key, its default and what it does */

#endif
