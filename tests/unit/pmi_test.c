/* node/pmi.c: both dialects, two nodes that exchange what they put, mappings by table. */
#include "test.h"

#include "base/cleanup.h"
#include "node/pmi.h"

#include <stdio.h>
#include <string.h>

static uint32_t low[] = { 0, 1 }, high[] = { 2 };

static void say(struct pmi *p, uint32_t local, const char *text)
{
    assert_int_equal(pmi_input(p, local, text, strlen(text)), 0);
}

static void say_two(struct pmi *p, uint32_t local, const char *text)
{
    char message[512];

    snprintf(message, sizeof message, "%6zu%s", strlen(text), text);
    say(p, local, message);
}

static void hears(struct pmi *p, uint32_t local, const char *want)
{
    assert_string_equal(buf_str(&p->tasks[local].out), want);
    buf_reset(&p->tasks[local].out);
}

static void hears_two(struct pmi *p, uint32_t local, const char *text)
{
    char message[512];

    snprintf(message, sizeof message, "%6zu%s", strlen(text), text);
    hears(p, local, message);
}

static void the_first_dialect(void **state)
{
    CLEANUP(pmi_fini) struct pmi p;

    pmi_init(&p, "12.0", "(vector,(0,1,2))", 2, &(struct u32s){ low, 2 });
    say(&p, 0, "cmd=init pmi_version=1 pmi_subver");
    hears(&p, 0, ""); /* half a line */
    say(&p, 0, "sion=1\ncmd=get_maxes\n");
    hears(&p, 0,
          "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0\n"
          "cmd=maxes kvsname_max=256 keylen_max=256 vallen_max=1024 rc=0\n");
    say(&p, 0, "cmd=get_my_kvsname\n");
    hears(&p, 0, "cmd=my_kvsname kvsname=12.0 rc=0\n");
    say(&p, 0, "cmd=get_universe_size\n");
    hears(&p, 0, "cmd=universe_size size=2 rc=0\n");
    say(&p, 0, "cmd=get_appnum\n");
    hears(&p, 0, "cmd=appnum appnum=0 rc=0\n");
    say(&p, 0, "cmd=get kvsname=12.0 key=PMI_process_mapping\n");
    hears(&p, 0, "cmd=get_result rc=0 msg=success value=(vector,(0,1,2))\n");
    say(&p, 0, "cmd=get kvsname=12.0 key=none\n");
    hears(&p, 0, "cmd=get_result rc=-1 msg=key_not_found value=unknown\n");
    say(&p, 0, "cmd=put kvsname=12.0 key=card value=a b=c \n");
    hears(&p, 0, "cmd=put_result rc=0 msg=success\n");
    say(&p, 0, "cmd=barrier_in\n");
    assert_false(p.is_fence_ready);
    say(&p, 1, "cmd=init pmi_version=1 pmi_subversion=1\ncmd=barrier_in\n");
    assert_true(p.is_fence_ready);
    pmi_fence_over(&p, p.fence.data, p.fence.len);
    hears(&p, 0, "cmd=barrier_out rc=0\n");
    say(&p, 1, "cmd=get kvsname=12.0 key=card\ncmd=finalize\n");
    hears(&p, 1,
          "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0\ncmd=barrier_out rc=0\n"
          "cmd=get_result rc=0 msg=success value=a b=c \ncmd=finalize_ack rc=0\n");
    assert_true(p.tasks[1].is_through);
    say(&p, 0, "cmd=lookup_name service=x\n");
    hears(&p, 0, "cmd=lookup_result info=not_supported rc=-1 msg=not_supported\n");
    say(&p, 0, "cmd=abort exitcode=3\n");
    assert_true(p.is_aborted && p.abort_code == 3);
}

static void the_second_dialect_between_two_nodes(void **state)
{
    CLEANUP(pmi_fini) struct pmi p;
    CLEANUP(pmi_fini) struct pmi q;
    CLEANUP(buf_fini) struct buf all = { 0 };

    pmi_init(&p, "12.0", "", 3, &(struct u32s){ low, 2 });
    pmi_init(&q, "12.0", "", 3, &(struct u32s){ high, 1 });
    for (uint32_t i = 0; i < 2; i++) {
        say(&p, i, "cmd=init pmi_version=2 pmi_subversion=0\n");
        hears(&p, i, "cmd=response_to_init pmi_version=2 pmi_subversion=0 rc=0\n");
    }
    say(&q, 0, "cmd=init pmi_version=2 pmi_subversion=0\n");
    buf_reset(&q.tasks[0].out);
    say_two(&q, 0, "cmd=fullinit;pmijobid=12.0;pmirank=2;threaded=FALSE;");
    hears_two(&q, 0,
              "cmd=fullinit-response;rc=0;pmi-version=2;pmi-subversion=0;rank=2;size=3;appnum=0;"
              "debugged=FALSE;pmiverbose=FALSE;");
    say_two(&p, 0, "cmd=job-getid;thrid=7;");
    hears_two(&p, 0, "cmd=job-getid-response;thrid=7;rc=0;jobid=12.0;");
    say_two(&p, 0, "cmd=kvs-put;key=k0;value=one;;two=;");
    hears_two(&p, 0, "cmd=kvs-put-response;rc=0;");
    say_two(&q, 0, "cmd=kvs-put;key=k2;value=three;");
    hears_two(&q, 0, "cmd=kvs-put-response;rc=0;");
    say_two(&q, 0, "cmd=kvs-fence;");
    say_two(&p, 0, "cmd=kvs-fence;");
    say_two(&p, 1, "cmd=kvs-fence;");
    assert_true(p.is_fence_ready && q.is_fence_ready);

    buf_put(&all, p.fence.data, p.fence.len);
    buf_put(&all, q.fence.data, q.fence.len);
    pmi_fence_over(&p, all.data, all.len);
    pmi_fence_over(&q, all.data, all.len);
    hears_two(&q, 0, "cmd=kvs-fence-response;rc=0;");
    say_two(&q, 0, "cmd=kvs-get;jobid=12.0;srcid=0;key=k0;");
    hears_two(&q, 0, "cmd=kvs-get-response;rc=0;found=TRUE;value=one;;two=;");
    buf_reset(&p.tasks[1].out);
    say_two(&p, 1, "cmd=kvs-get;jobid=12.0;srcid=2;key=k2;");
    hears_two(&p, 1, "cmd=kvs-get-response;rc=0;found=TRUE;value=three;");
}

static void a_node_attribute_is_waited_for(void **state)
{
    CLEANUP(pmi_fini) struct pmi p;

    pmi_init(&p, "1.0", "", 2, &(struct u32s){ low, 2 });
    for (uint32_t i = 0; i < 2; i++) {
        say(&p, i, "cmd=init pmi_version=2 pmi_subversion=0\n");
        buf_reset(&p.tasks[i].out);
    }
    say_two(&p, 0, "cmd=info-getnodeattr;key=shm;wait=TRUE;");
    hears(&p, 0, "");
    say_two(&p, 1, "cmd=info-putnodeattr;key=shm;value=/x;");
    hears_two(&p, 1, "cmd=info-putnodeattr-response;rc=0;");
    hears_two(&p, 0, "cmd=info-getnodeattr-response;rc=0;found=TRUE;value=/x;");
    say_two(&p, 0, "cmd=info-getnodeattr;key=none;wait=FALSE;");
    hears_two(&p, 0, "cmd=info-getnodeattr-response;rc=0;found=FALSE;");
    say_two(&p, 0, "cmd=info-getjobattr;key=universeSize;");
    hears_two(&p, 0, "cmd=info-getjobattr-response;rc=0;found=TRUE;value=2;");
}

static void strangers_are_cut_off(void **state)
{
    static const char *const rows[] = { "hello\n",
                                        "cmd=dance\n",
                                        "\n",
                                        "cmd=put key=x\n",
                                        "cmd=init pmi_version=2\nabcdef",
                                        "cmd=init pmi_version=2\n     0" };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(pmi_fini) struct pmi p;
        pmi_init(&p, "1.0", "", 2, &(struct u32s){ low, 2 });
        assert_true(pmi_input(&p, 0, rows[i], strlen(rows[i])) < 0);
    }
}

static void mappings(void **state)
{
    static const struct {
        uint32_t size, nodes;
        uint32_t node[16]; /* of each rank */
        const char *want;
    } rows[] = {
        { 16, 4, { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3 }, "(vector,(0,4,4))" },
        { 8, 4, { 0, 1, 2, 3, 0, 1, 2, 3 }, "(vector,(0,4,1))" },
        { 3, 2, { 0, 0, 1 }, "(vector,(0,1,2),(1,1,1))" },
        { 2, 1, { 0, 0 }, "(vector,(0,1,2))" },
        { 1, 1, { 0 }, "(vector,(0,1,1))" },
        { 4, 2, { 1, 0, 0, 1 }, "(vector,(1,1,1),(0,1,2))" },
        { 8, 2, { 0, 0, 1, 1, 0, 0, 1, 1 }, "(vector,(0,2,2))" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(arena_fini) struct arena a = { 0 };
        uint32_t ranks[4][16];
        struct step_node parts[4] = { { 0 } };
        for (uint32_t n = 0; n < rows[i].nodes; n++)
            parts[n].tasks.v = ranks[n];
        for (uint32_t r = 0; r < rows[i].size; r++) {
            struct u32s *at = &parts[rows[i].node[r]].tasks;
            at->v[at->n++] = r;
        }
        assert_string_equal(pmi_mapping(parts, rows[i].nodes, rows[i].size, &a), rows[i].want);
    }
}

int main(void)
{
    return RUN(T(the_first_dialect), T(the_second_dialect_between_two_nodes),
               T(a_node_attribute_is_waited_for), T(strangers_are_cut_off), T(mappings));
}
