/* slurm.conf: syntax, defaults, node and partition records, and a corpus of broken files. */
#include "base/cleanup.h"
#include "base/xalloc.h"
#include "conf/conf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define CORPUS "tests/cluster/bad_conf/cases.txt"
#define BASE                                                                                  \
    "ClusterName=tux\nSlurmctldHost=head(10.0.0.1)\nNodeName=n[1-4] CPUs=4 RealMemory=1000\n" \
    "PartitionName=debug Nodes=ALL Default=YES\n"

struct box {
    char path[64];
    struct conf *conf;
    struct err err;
};

/* Writes text to a file and loads it. */
static int load_with(struct box *b, const char *text,
                     int (*fn)(const char *, struct conf **, struct err *))
{
    snprintf(b->path, sizeof b->path, "/tmp/conf_test.XXXXXX");
    int fd = mkstemp(b->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    b->conf = NULL;
    int r = fn(b->path, &b->conf, &b->err);
    unlink(b->path);
    return r;
}

static int load(struct box *b, const char *text)
{
    return load_with(b, text, conf_load);
}

static void comments_quotes_and_continuations_are_slurms(void **state)
{
    struct box b;

    assert_int_equal(load(&b,
                          BASE "# comment \\\nKillWait=77\nMinJobAge=78 # trailing \\\n"
                               "InactiveLimit = 79\nMailDomain=x\\#y\nEpilogMsgTime=\\\n  555\n"
                               "schedulerparameters=\"a=1,defer,bf_max=3\"\r\nFIRSTJOBID=200\n"),
                     0);
    assert_int_equal(conf_u32(b.conf, "KillWait"), 77);
    assert_int_equal(conf_u32(b.conf, "minjobage"), 78);
    assert_int_equal(conf_u32(b.conf, "InactiveLimit"), 79);
    assert_string_equal(conf_str(b.conf, "MailDomain"), "x#y");
    assert_int_equal(conf_u32(b.conf, "EpilogMsgTime"), 555);
    assert_int_equal(conf_u32(b.conf, "FirstJobId"), 200);
    assert_true(conf_flag(b.conf, "SchedulerParameters", "defer"));
    assert_true(conf_flag(b.conf, "SchedulerParameters", "bf_max"));
    assert_false(conf_flag(b.conf, "SchedulerParameters", "def"));
    assert_string_equal(conf_param(b.conf, "SchedulerParameters", "bf_max"), "3");
    assert_null(conf_param(b.conf, "SchedulerParameters", "defer"));
    conf_free(b.conf);
}

static void unset_keys_have_slurms_defaults(void **state)
{
    struct box b;

    assert_int_equal(load(&b, BASE), 0);
    assert_int_equal(conf_u32(b.conf, "SlurmctldPort"), 6817);
    assert_int_equal(conf_u32(b.conf, "SlurmdTimeout"), 300);
    assert_int_equal(conf_u32(b.conf, "PriorityDecayHalfLife"), 7 * 86400);
    assert_int_equal(conf_u32(b.conf, "SuspendTime"), UINT32_MAX);
    assert_int_equal(conf_u32(b.conf, "JobRequeue"), 1);
    assert_false(conf_is_set(b.conf, "JobRequeue"));
    assert_string_equal(conf_str(b.conf, "TmpFS"), "/tmp");
    assert_string_equal(conf_munge_socket(b.conf), "/run/munge/munge.socket.2");
    const struct conf_host *hosts = NULL;
    assert_int_equal(conf_controllers(b.conf, &hosts), 1);
    assert_string_equal(hosts[0].name, "head");
    assert_string_equal(hosts[0].address, "10.0.0.1");
    conf_free(b.conf);
}

/* Observed with Debian's slurmctld: what follows from CPUs, Sockets, Cores and Threads. */
static void node_shape_follows_from_what_is_said(void **state)
{
    static const struct {
        const char *line;
        uint32_t cpus, sockets, cores, threads;
    } rows[] = {
        { "NodeName=x", 1, 1, 1, 1 },
        { "NodeName=x CPUs=4", 4, 4, 1, 1 },
        { "NodeName=x Sockets=2 CoresPerSocket=4 ThreadsPerCore=2", 16, 2, 4, 2 },
        { "NodeName=x CPUs=8 Sockets=2 CoresPerSocket=4 ThreadsPerCore=2", 8, 2, 4, 2 },
        { "NodeName=x CPUs=5 Sockets=2 CoresPerSocket=4 ThreadsPerCore=2", 16, 2, 4, 2 },
        { "NodeName=x CPUs=8 CoresPerSocket=2 ThreadsPerCore=2", 8, 2, 2, 2 },
        { "NodeName=x Boards=2 SocketsPerBoard=2 CoresPerSocket=3", 12, 4, 3, 1 },
        { "NodeName=DEFAULT CPUs=6\nNodeName=x", 6, 6, 1, 1 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct box b;
        char text[512];
        snprintf(text, sizeof text, "ClusterName=t\nSlurmctldHost=h\n%s\n", rows[i].line);
        assert_int_equal(load(&b, text), 0);
        const struct conf_node *n = conf_find_node(b.conf, "x");
        assert_non_null(n);
        assert_int_equal(n->cpus, rows[i].cpus);
        assert_int_equal(n->sockets, rows[i].sockets);
        assert_int_equal(n->cores, rows[i].cores);
        assert_int_equal(n->threads, rows[i].threads);
        conf_free(b.conf);
    }
}

static void hosts_addresses_and_ports_go_in_parallel(void **state)
{
    struct box b;

    assert_int_equal(
        load(&b, "ClusterName=T\nSlurmctldHost=h\nSlurmdPort=7000\nSlurmdSpoolDir=/s/%h/%n/%%\n"
                 "NodeName=n[1-3] NodeHostname=vm NodeAddr=10.0.0.[1-3] Port=[18001-18003]\n"
                 "NodeName=m1 State=IDLE Feature=a,b\n"),
        0);
    const struct conf_node *n = conf_find_node(b.conf, "n2");
    assert_string_equal(n->hostname, "vm");
    assert_string_equal(n->address, "10.0.0.2");
    assert_int_equal(n->port, 18002);
    assert_int_equal(conf_find_node(b.conf, "m1")->port, 7000);
    assert_string_equal(conf_find_node(b.conf, "m1")->address, "m1");
    assert_string_equal(conf_find_node(b.conf, "m1")->state, "UNKNOWN");
    assert_ptr_equal(conf_node_of_host(b.conf, "vm.example.org"), conf_find_node(b.conf, "n1"));
    assert_null(conf_node_of_host(b.conf, "other"));
    assert_string_equal(conf_str(b.conf, "ClusterName"), "t");

    struct arena a = { 0 };
    assert_string_equal(conf_node_path(b.conf, "SlurmdSpoolDir", "n2", &a), "/s/vm/n2/%");
    arena_fini(&a);
    conf_free(b.conf);
}

static void partitions_resolve_all_sets_and_lists(void **state)
{
    struct box b;
    struct core_conf core = { 0 };
    struct arena a = { 0 };

    assert_int_equal(
        load(
            &b,
            "ClusterName=t\nSlurmctldHost=h\nSlurmUser=root\n"
            "PartitionName=DEFAULT MaxTime=30 State=DOWN DefMemPerCPU=10\n"
            "PartitionName=all Nodes=ALL Default=YES State=UP\nPartitionName=s Nodes=big,n1 "
            "Shared=force:2\n"
            "PartitionName=f Nodes=fast MaxTime=UNLIMITED DefaultTime=1:00:00\nPartitionName=none\n"
            "NodeSet=big Nodes=n[3-4]\nNodeSet=fast Feature=ib\nMaxMemPerNode=500\n"
            "NodeName=n[1-4] CPUs=2 RealMemory=100\nNodeName=m1 CPUs=4 RealMemory=50 "
            "Features=ib,x\n"),
        0);
    assert_int_equal(conf_to_core(b.conf, &a, &core, &b.err), 0);
    conf_free(b.conf); /* the copy must stand alone */

    assert_int_equal(core.nodes.n, 5);
    assert_string_equal(core.nodes.v[4].features, "ib,x");
    assert_int_equal(core.parts.n, 4);
    assert_string_equal(core.parts.v[0].nodes, "n[1-4],m1");
    assert_string_equal(core.parts.v[0].state, "UP");
    assert_true(core.parts.v[0].is_default);
    assert_int_equal(core.parts.v[0].total_cpus, 12);
    assert_string_equal(core.parts.v[0].tres, "cpu=12,mem=450M,node=5,billing=12");
    assert_string_equal(core.parts.v[1].nodes, "n[1,3-4]");
    assert_string_equal(core.parts.v[1].state, "DOWN");
    assert_string_equal(core.parts.v[1].oversubscribe, "FORCE:2");
    assert_int_equal(core.parts.v[1].max_time_min, 30);
    assert_string_equal(core.parts.v[2].nodes, "m1");
    assert_int_equal(core.parts.v[2].max_time_min, UINT32_MAX);
    assert_int_equal(core.parts.v[2].default_time_min.v, 60);
    assert_int_equal(core.parts.v[2].def_mem_per_cpu_mb.v, 10);
    assert_int_equal(core.parts.v[3].total_nodes, 0);
    assert_true(core.max_mem_per_node_mb.set);
    assert_false(core.def_mem_per_node_mb.set);
    assert_false(core.acct_enabled);
    arena_fini(&a);
}

/* Keys nobody acts on are one warning each; choices without a difference are silent. */
static void later_keys_warn_and_quiet_keys_do_not(void **state)
{
    struct box b;

    assert_int_equal(
        load(&b,
             BASE "PluginDir=/x\nProlog=/p\nPrologSlurmctld=/bin/true\nKillWait=1\nKillWait=2\n"),
        0);
    const struct strs *w = conf_warnings(b.conf);
    assert_int_equal(w->n, 2);
    assert_non_null(strstr(w->v[0], ":7: PrologSlurmctld is accepted"));
    assert_non_null(strstr(w->v[1], ":9: KillWait stands more than once"));
    assert_int_equal(conf_u32(b.conf, "KillWait"), 2);
    conf_free(b.conf);
}

static void includes_are_relative_and_may_name_the_cluster(void **state)
{
    char dir[] = "/tmp/conf_test.XXXXXX", path[128];
    struct conf *c = NULL;
    struct err e;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/tux.inc", dir);
    FILE *f = fopen(path, "w");
    fputs("NodeName=n1\nBogusKey=3\n", f);
    fclose(f);
    snprintf(path, sizeof path, "%s/slurm.conf", dir);
    f = fopen(path, "w");
    fputs("ClusterName=tux\nSlurmctldHost=h\nInclude %c.inc\n", f);
    fclose(f);
    assert_true(conf_load(path, &c, &e) < 0);
    assert_non_null(strstr(e.text, "slurm.conf:3: "));
    assert_non_null(strstr(e.text, "tux.inc:2: unknown keyword \"BogusKey\""));
    unlink(path);
    snprintf(path, sizeof path, "%s/tux.inc", dir);
    unlink(path);
    rmdir(dir);
}

static void show_is_slurms_text(void **state)
{
    static const char *const rows[][2] = {
        { "BatchStartTimeout", "10 sec" },
        { "DefMemPerCPU", "100" },
        { "MaxMemPerNode", "UNLIMITED" },
        { "KillWait", "40 sec" },
        { "SuspendTime", "INFINITE" },
        { "SlurmctldHost[0]", "head(10.0.0.1)" },
        { "SlurmUser", "root(0)" },
        { "TrackWCKey", "Yes" },
        { "ResumeRate", "300 nodes/min" },
        { "SelectTypeParameters", "CR_CPU_MEMORY,CR_LLN" },
        { "Prolog", "(null)" },
        { "PreemptExemptTime", "00:10:00" },
        { "SlurmctldPort", "17917-17920" },
        { "EpilogMsgTime", "2000 usec" },
    };
    struct box b;
    struct conf_info info = { 0 };
    struct arena a = { 0 };

    assert_int_equal(load(&b, BASE
                          "DefMemPerCPU=100\nKillWait=40\nTrackWCKey=yes\nPreemptExemptTime=10:00\n"
                          "SelectTypeParameters=CR_CPU_Memory,CR_LLN\nSlurmctldPort=17917-17920\n"
                          "AccountingStoragePass=secret\n"),
                     0);
    conf_show(b.conf, &a, &info);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t at = 0;
        while (at < info.rows.n && strcmp(info.rows.v[at].key, rows[i][0]) != 0)
            at++;
        assert_true(at < info.rows.n);
        assert_string_equal(info.rows.v[at].value, rows[i][1]);
    }
    for (uint32_t i = 0; i < info.rows.n; i++) {
        assert_null(strstr(info.rows.v[i].value, "secret"));
        assert_string_not_equal(info.rows.v[i].key, "DefMemPerNode");
        assert_string_not_equal(info.rows.v[i].key, "PriorityWeightAge");
    }
    arena_fini(&a);
    conf_free(b.conf);
}

static void slurmdbd_conf_must_be_private(void **state)
{
    struct box b;
    struct conf *c = NULL;
    struct err e;

    assert_int_equal(load_with(&b, "DbdHost=db\nStoragePass=x\n", conf_load_dbd), 0);
    assert_int_equal(conf_u32(b.conf, "DbdPort"), 6819);
    assert_string_equal(conf_str(b.conf, "StoragePass"), "x");
    conf_free(b.conf);
    assert_true(load_with(&b, "DbdHost=db\nStorrageUser=x\n", conf_load_dbd) < 0);
    assert_non_null(
        strstr(b.err.text, ":2: unknown keyword \"StorrageUser\"; did you mean \"StorageUser\"?"));

    char path[] = "/tmp/conf_test.XXXXXX";
    int fd = mkstemp(path);
    fchmod(fd, 0644);
    close(fd);
    assert_true(conf_load_dbd(path, &c, &e) < 0);
    assert_non_null(strstr(e.text, "chmod 600 /tmp/conf_test."));
    unlink(path);
}

static void commands_need_no_nodes(void **state)
{
    struct box b;

    assert_int_equal(
        load_with(&b,
                  "ClusterName=t\nControlMachine=h\nControlAddr=1.2.3.4\nNodeName=n[ Nonsense=3\n",
                  conf_load_keys),
        0);
    const struct conf_host *hosts = NULL;
    assert_int_equal(conf_controllers(b.conf, &hosts), 1);
    assert_string_equal(hosts[0].address, "1.2.3.4");
    assert_null(conf_find_node(b.conf, "n1"));
    conf_free(b.conf);
}

/* "\n" in a case is a line end. */
static void unescape(char *s)
{
    char *out = s;

    for (; *s; s++) {
        bool newline = s[0] == '\\' && s[1] == 'n';
        *out++ = newline ? '\n' : *s;
        s += newline;
    }
    *out = '\0';
}

/* Every broken file is refused with its line and a word of the table; nothing is half loaded. */
static void broken_files_name_the_place(void **state)
{
    char line[2048], text[4096];
    int cases = 0, wrong = 0;
    FILE *in = fopen(SOURCE_DIR "/" CORPUS, "r");

    assert_non_null(in);
    while (fgets(line, sizeof line, in)) {
        struct box b;
        char *save = NULL, place[96];
        line[strcspn(line, "\n")] = '\0';
        if (*line == '#' || *line == '\0')
            continue;
        char *number = strtok_r(line, "|", &save);
        char *word = strtok_r(NULL, "|", &save);
        bool whole = *save == '!';
        snprintf(text, sizeof text, "%s%s", whole ? "" : BASE, save + whole);
        unescape(text);
        int r = load(&b, text);
        snprintf(place, sizeof place, "%s:%s%s", b.path, atoi(number) ? number : "",
                 atoi(number) ? ":" : "");
        if (r >= 0 || b.conf || !strstr(b.err.text, word) ||
            strncmp(b.err.text, place, strlen(place)) != 0) {
            print_message("%s|%s|%s\n  gave: %s\n", number, word, save,
                          r < 0 ? b.err.text : "no error");
            wrong++;
        }
        conf_free(b.conf);
        cases++;
    }
    fclose(in);
    assert_int_equal(wrong, 0);
    assert_true(cases >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_quotes_and_continuations_are_slurms),
        cmocka_unit_test(unset_keys_have_slurms_defaults),
        cmocka_unit_test(node_shape_follows_from_what_is_said),
        cmocka_unit_test(hosts_addresses_and_ports_go_in_parallel),
        cmocka_unit_test(partitions_resolve_all_sets_and_lists),
        cmocka_unit_test(later_keys_warn_and_quiet_keys_do_not),
        cmocka_unit_test(includes_are_relative_and_may_name_the_cluster),
        cmocka_unit_test(show_is_slurms_text),
        cmocka_unit_test(slurmdbd_conf_must_be_private),
        cmocka_unit_test(commands_need_no_nodes),
        cmocka_unit_test(broken_files_name_the_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
