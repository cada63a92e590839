/* The schema for other people's tools: messages and calls as a .proto file, and tables of who may
 * call what and of how a job moves. */
#include "mkdoc.h"
#include "schema/rpc.h"

/* How each kind travels (wire/wire.c): signed numbers are zigzag, an OPT_ kind says whether it is
 * set. */
static const char *const proto_types[] = {
    [KIND_BOOL] = "bool",
    [KIND_U32] = "uint32",
    [KIND_U64] = "uint64",
    [KIND_I32] = "sint32",
    [KIND_I64] = "sint64",
    [KIND_F64] = "double",
    [KIND_STR] = "string",
    [KIND_BYTES] = "bytes",
    [KIND_STRS] = "repeated string",
    [KIND_U32S] = "repeated uint32",
    [KIND_OPT_BOOL] = "optional bool",
    [KIND_OPT_U32] = "optional uint32",
    [KIND_OPT_U64] = "optional uint64",
    [KIND_OPT_I64] = "optional sint64",
    [KIND_ONE] = "",
    [KIND_LIST] = "repeated ",
};

static const char *const roles[] = {
    [ROLE_ANY] = "anybody",
    [ROLE_OPERATOR] = "operator",
    [ROLE_ADMIN] = "administrator",
    [ROLE_SLURM] = "SlurmUser, root",
};

static void message(FILE *out, const struct desc *d)
{
    const struct field *fields = d->fields();

    fprintf(out, "\n// %s\nmessage %s {\n", d->doc, d->name);
    for (const struct field *f = fields; f < fields + d->count; f++)
        fprintf(out, "  %s%s %s = %u; // %s\n", proto_types[f->kind], f->sub ? f->sub->name : "",
                f->name, f->tag, f->doc);
    fputs("}\n", out);
}

void proto_print(FILE *out)
{
    fputs("// Sluice's messages.  Made by `mkdoc proto` from src/schema; the frame around them is "
          "in docs/wire.md.\n"
          "syntax = \"proto3\";\npackage sluice;\n",
          out);
    for (unsigned i = 0; i < all_descs_count; i++)
        message(out, all_descs[i]);

    fputs("\n// The number of a call, in the header of its frame.\nenum opcode {\n  OP_none = 0;\n",
          out);
    for (unsigned i = 0; i < all_rpcs_count; i++)
        fprintf(out, "  OP_%s = %u;\n", all_rpcs[i].name, all_rpcs[i].opcode);
    fputs("}\n\nservice sluice_rpc {\n", out);
    for (const struct rpc *r = all_rpcs; r < all_rpcs + all_rpcs_count; r++)
        fprintf(out, "  rpc %s(.sluice.%s) returns (.sluice.%s); // %s; least role: %s\n", r->name,
                r->request->name, r->reply->name, r->doc, roles[r->least]);
    fputs("}\n", out);
}

void rpc_print(FILE *out)
{
    fputs("| opcode | call | request | reply | at least | what |\n|---|---|---|---|---|---|\n",
          out);
    for (const struct rpc *r = all_rpcs; r < all_rpcs + all_rpcs_count; r++)
        fprintf(out, "| %u | `%s` | `%s` | `%s` | %s | %s |\n", r->opcode, r->name,
                r->request->name, r->reply->name, roles[r->least], r->doc);
}

void states_print(FILE *out)
{
    fputs("| phase | fact | next phase | effects |\n|---|---|---|---|\n", out);
#define ON(from, fact, next, effects) \
    fputs("| " #from " | `" #fact "` | " #next " | " #effects " |\n", out);
#define VIEW(phase, result, state, flags)
#include "schema/job_state.def"
#undef ON
#undef VIEW

    fputs("\n| phase | result | what users see |\n|---|---|---|\n", out);
#define ON(from, fact, next, effects)
#define VIEW(phase, result, state, flags)                         \
    fprintf(out, "| " #phase " | " #result " | %s%s |\n", #state, \
            sizeof(#flags) > 2 ? ", completing" : "");
#include "schema/job_state.def"
#undef ON
#undef VIEW
}
