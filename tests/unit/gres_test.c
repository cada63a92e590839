/* node/gres*.c, node/gpus*.c, conf/gres.c: from configuration and files to devices, variables and
 * bindings.  NVIDIA's library is played by fake_nvml.c, which meson puts in front of the loader. */
#include "test.h"

#include "base/cleanup.h"
#include "conf/conf.h"
#include "node/gpus.h"
#include "node/gres.h"
#include "schema/gres.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two sockets of two cores, one thread each. */
static uint32_t os_ids[] = { 0, 1, 2, 3 }, sockets[] = { 0, 0, 1, 1 };
static struct host_topology topology = {
    .os = { os_ids, 4 }, .core = { os_ids, 4 }, .socket = { sockets, 4 }, .numa = { sockets, 4 }
};

/* A folder of its own, gone afterwards. */
struct place {
    char dir[64];
    struct arena arena;
    struct host host;
    const char *text;
    struct buf why;
};

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    CLEANUP(fclosep) FILE *out = fopen(path, "we");
    assert_non_null(out);
    fputs(text, out);
}

static void place_init(struct place *p)
{
    memset(p, 0, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/sluice-gres-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->host.topology = &topology;
}

static void remove_dir(const char *dir)
{
    char path[512];

    CLEANUP(closedirp) DIR *d = opendir(dir);
    for (struct dirent *at; d && (at = readdir(d));) {
        if (strcmp(at->d_name, ".") == 0 || strcmp(at->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, at->d_name);
        if (at->d_type == DT_DIR)
            remove_dir(path);
        else
            unlink(path);
    }
    rmdir(dir);
}

static void place_fini(struct place *p)
{
    remove_dir(p->dir);
    buf_fini(&p->why);
    arena_fini(&p->arena);
}

/* Reads a gres.conf for node n1 and merges it with Gres= and with what is found. */
static int merge(struct place *p, const char *configured, const char *file)
{
    char path[128];
    struct gres_conf written, found;
    struct err e = { 0 };

    write_file(p->dir, "gres.conf", file);
    snprintf(path, sizeof path, "%s/slurm.conf", p->dir);
    int err = conf_load_gres(path, "n1", &p->arena, &written, &e);
    if (err < 0) {
        buf_puts(&p->why, e.text);
        return err;
    }
    const struct gpus_find find = { written.autodetect, p->dir, &topology, &p->arena };
    gpus_find(&find, &found, &p->why);
    const struct gres_said said = { configured, &written, &found };
    gres_merge(&said, &p->arena, &p->host, &p->text, &p->why);
    return 0;
}

static void files_become_devices_in_the_order_of_slurm_conf(void **state)
{
    CLEANUP(place_fini) struct place p;

    place_init(&p);
    assert_int_equal(merge(&p, "gpu:v100:1,gpu:a100:2,shard:8,bandwidth:4G",
                           "NodeName=n[1-4] Name=gpu Type=a100 File=/dev/x[0-1] Cores=0-1\n"
                           "NodeName=n1 Name=gpu Type=v100 File=/dev/x7 Cores=2-3 # near socket 1\n"
                           "NodeName=n9 Name=gpu Type=v100 File=/dev/x8\n"
                           "Name=shard Count=8\nName=bandwidth Count=4G Flags=CountOnly\n"),
                     0);
    assert_string_equal(buf_str(&p.why), "");
    assert_string_equal(p.text,
                        "gpu:v100:1(S:1),gpu:a100:2(S:0),shard:8(S:0-1),bandwidth:4294967296");
    assert_int_equal(p.host.devices.n, 3 + 3 + 1);
    assert_string_equal(p.host.devices.v[0].paths.v[0], "/dev/x7");
    assert_int_equal(p.host.devices.v[0].index, 0);
    assert_int_equal(p.host.devices.v[0].minor, 7);
    assert_string_equal(p.host.devices.v[2].paths.v[0], "/dev/x1");
    assert_int_equal(p.host.devices.v[2].index, 2);
    assert_string_equal(p.host.devices.v[3].name, "shard");
    assert_int_equal(
        p.host.devices.v[3].count + p.host.devices.v[4].count + p.host.devices.v[5].count, 8);
}

static void less_than_configured_is_said(void **state)
{
    CLEANUP(place_fini) struct place p;

    place_init(&p);
    assert_int_equal(merge(&p, "gpu:4", "Name=gpu File=/dev/x[0-2]\n"), 0);
    assert_string_equal(buf_str(&p.why), "gres/gpu count reported lower than configured (3 < 4)");
    assert_string_equal(p.text, "gpu:3");
}

static void wrong_lines_are_refused_with_words(void **state)
{
    static const struct {
        const char *file, *words;
    } rows[] = {
        { "Name=gpu Fil=/dev/x0\n", "did you mean \"File\"?" },
        { "Name=gpu File=x0\n", "absolute path" },
        { "Name=gpu File=/dev/x[0-1] Count=3\n", "does not match its 2 device files" },
        { "Name=gpu File=/dev/x0 MultipleFiles=/dev/x1\n", "exclude each other" },
        { "Name=gpu Flags=shiny\n", "shiny is no flag" },
        { "Name=gpu Flags=no_gpu_env,amd_gpu_env\n", "excludes the others" },
        { "Name=gpu File=/dev/x[0-1] Links=0,-1\n", "give each its own line" },
        { "AutoDetect=magic\n", "give one of nvml" },
        { "Type=a100\n", "has no Name=" },
        { "Name=gpu Count=two\n", "give a number" },
        { "Name=gpu Cores=a\n", "numbers and ranges" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(place_fini) struct place p;
        place_init(&p);
        assert_int_not_equal(merge(&p, "gpu:1", rows[i].file), 0);
        assert_non_null(strstr(buf_str(&p.why), rows[i].words));
        assert_non_null(strstr(buf_str(&p.why), "gres.conf:1: "));
    }
}

static void drivers_files_are_read(void **state)
{
    CLEANUP(place_fini) struct place p;

    place_init(&p);
    write_file(p.dir, "proc/driver/nvidia/gpus/0000:02:00.0/information",
               "Model: \t\t NVIDIA A100-SXM4\nGPU UUID: \t GPU-b\nDevice Minor: \t 0\n");
    write_file(p.dir, "proc/driver/nvidia/gpus/0000:01:00.0/information",
               "Model: \t\t NVIDIA A100-SXM4\nGPU UUID: \t GPU-a\nDevice Minor: \t 1\n");
    write_file(p.dir, "sys/bus/pci/devices/0000:01:00.0/local_cpulist", "2-3\n");
    assert_int_equal(merge(&p, "gpu:nvidia_a100:2", "AutoDetect=nvidia\n"), 0);
    assert_string_equal(buf_str(&p.why), "");
    assert_int_equal(p.host.devices.n, 2); /* by bus address, not by minor number */
    assert_int_equal(p.host.devices.v[0].minor, 1);
    assert_string_equal(p.host.devices.v[0].cores, "2,3");
    assert_string_equal(p.host.devices.v[0].unique, "GPU-a");
    assert_int_equal(p.host.devices.v[0].flags, GRES_nvidia_gpu_env);
    assert_string_equal(p.text, "gpu:nvidia_a100:2(S:1)");

    write_file(p.dir, "sys/class/drm/renderD128/device/vendor", "0x1002\n");
    write_file(p.dir, "sys/class/drm/renderD128/device/product_name", "Instinct MI300X\n");
    write_file(p.dir, "sys/class/drm/renderD129/device/vendor", "0x8086\n");
    assert_int_equal(merge(&p, "gpu:1", "AutoDetect=rsmi\n"), 0);
    assert_string_equal(p.host.devices.v[0].type, "instinct_mi300x");
    assert_int_equal(p.host.devices.v[0].flags, GRES_amd_gpu_env);
    assert_int_equal(merge(&p, "gpu:1", "AutoDetect=oneapi\n"), 0);
    assert_int_equal(p.host.devices.v[0].flags, GRES_intel_gpu_env);
}

/* fake_nvml.c has one whole card and one cut in two. */
static void the_library_is_asked_when_it_is_there(void **state)
{
    CLEANUP(place_fini) struct place p;

    place_init(&p);
    write_file(p.dir, "proc/driver/nvidia-caps/mig-minors",
               "config 1\ngpu1/gi1/access 30\ngpu1/gi1/ci0/access 31\ngpu1/gi2/access 39\n"
               "gpu1/gi2/ci0/access 40\n");
    assert_int_equal(merge(&p, "gpu:3", "AutoDetect=nvml\n"), 0);
    assert_string_equal(buf_str(&p.why), "");
    assert_int_equal(p.host.devices.n, 3);
    assert_string_equal(p.host.devices.v[0].type, "fake_h100");
    assert_string_equal(p.host.devices.v[0].cores, "0,1");
    assert_string_equal(p.host.devices.v[1].type, "fake_h100_mig_1g.10gb");
    assert_string_equal(p.host.devices.v[1].unique, "MIG-1");
    assert_int_equal(p.host.devices.v[2].paths.n, 3);
    assert_non_null(strstr(p.host.devices.v[2].paths.v[2], "/dev/nvidia-caps/nvidia-cap40"));
}

/* ---- what a step sees */

static struct gres_part part(const char *name, uint64_t count, const uint8_t *units)
{
    return (struct gres_part){ .name = name, .type = "", .count = count, .units = { units, 1 } };
}

static void variables_say_what_the_step_has(void **state)
{
    CLEANUP(place_fini) struct place p;
    static const uint8_t two_three = 0x0c, three = 0x08;
    const struct gres_part job = part("gpu", 2, &two_three), step = part("gpu", 1, &three);
    struct strs out;

    place_init(&p);
    assert_int_equal(merge(&p, "gpu:4", "Name=gpu File=/dev/nvidia[4-7] Flags=nvidia_gpu_env\n"),
                     0);
    gres_env(&p.host, &(struct gres_task){ .job = &job, .job_n = 1 }, &p.arena, &out);
    assert_int_equal(out.n, 3);
    assert_string_equal(out.v[0], "SLURM_JOB_GPUS=2,3");
    assert_string_equal(out.v[1], "CUDA_VISIBLE_DEVICES=6,7"); /* the vendor's own numbers */
    assert_string_equal(out.v[2], "SLURM_GPUS_ON_NODE=2");

    const struct gres_task confined = {
        .job = &job, .job_n = 1, .step = &step, .step_n = 1, .is_confined = true
    };
    gres_env(&p.host, &confined, &p.arena, &out);
    assert_string_equal(out.v[1], "SLURM_STEP_GPUS=3");
    assert_string_equal(out.v[2], "CUDA_VISIBLE_DEVICES=0"); /* it sees one, and begins with 0 */
    assert_string_equal(out.v[3], "SLURM_GPUS_ON_NODE=1");
}

static void shares_see_their_gpu(void **state)
{
    CLEANUP(place_fini) struct place p;
    static const uint8_t second = 0x02;
    const struct gres_part job = part("mps", 25, &second);
    struct strs out;

    place_init(&p);
    assert_int_equal(
        merge(&p, "gpu:2,mps:200", "Name=gpu File=/dev/nvidia[0-1]\nName=mps Count=200\n"), 0);
    gres_env(&p.host, &(struct gres_task){ .job = &job, .job_n = 1 }, &p.arena, &out);
    assert_string_equal(out.v[0], "SLURM_JOB_GPUS=1");
    assert_string_equal(out.v[1], "CUDA_VISIBLE_DEVICES=1");
    assert_string_equal(out.v[2], "ROCR_VISIBLE_DEVICES=1"); /* without flags all four are set */
    assert_string_equal(out.v[out.n - 1], "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=25");
}

static void devices_of_others_are_denied(void **state)
{
    CLEANUP(place_fini) struct place p;
    char path[96], conf[200];
    static const uint8_t first = 0x01;
    const struct gres_part job = part("gpu", 1, &first);
    struct cgroup_limits limits = { 0 };

    place_init(&p);
    snprintf(path, sizeof path, "%s/dev0", p.dir);
    if (mknod(path, S_IFCHR | 0600, 0x105) < 0)
        skip(); /* not root */
    snprintf(path, sizeof path, "%s/dev1", p.dir);
    assert_int_equal(mknod(path, S_IFCHR | 0600, 0x107), 0);
    snprintf(conf, sizeof conf, "Name=gpu File=%s/dev[0-1]\n", p.dir);
    assert_int_equal(merge(&p, "gpu:2", conf), 0);
    gres_denied(&p.host, &job, 1, &p.arena, &limits);
    assert_int_equal(limits.denied_count, 1);
    assert_int_equal(limits.denied[0].major, 1);
    assert_int_equal(limits.denied[0].minor, 7);
    assert_false(limits.denied[0].is_block);
}

static void tasks_are_bound_to_gpus(void **state)
{
    CLEANUP(place_fini) struct place p;
    static const uint8_t all = 0x0f;
    const struct gres_part job = part("gpu", 4, &all);
    static const uint32_t near0[] = { 0, 1 }, near1[] = { 2 };
    static const struct {
        const char *bind;
        uint32_t rank;
        const uint32_t *cpus;
        uint32_t cpu_n;
        int64_t want; /* -1: refused */
    } rows[] = {
        { "", 0, NULL, 0, 0 },
        { "none", 3, NULL, 0, 0 },
        { "closest", 0, near0, 2, 0x3 },
        { "verbose,closest", 0, near1, 1, 0xc },
        { "single:1", 1, near0, 2, 0x2 },
        { "single:2", 3, near1, 1, 0x8 },
        { "single:1", 2, near0, 2, 0x1 }, /* more tasks than near GPUs: round again */
        { "per_task:2", 1, NULL, 0, 0xc },
        { "map_gpu:0*2,3", 1, NULL, 0, 0x1 },
        { "map_gpu:0*2,3", 2, NULL, 0, 0x8 },
        { "map_gpu:0*2,3", 3, NULL, 0, 0x1 },
        { "mask_gpu:0x3,c", 1, NULL, 0, 0xc },
        { "mask_gpu:", 0, NULL, 0, -1 },
        { "single:0", 0, NULL, 0, -1 },
        { "map_gpu:x", 0, NULL, 0, -1 },
        { "best", 0, NULL, 0, -1 },
    };

    place_init(&p);
    assert_int_equal(
        merge(&p, "gpu:4",
              "Name=gpu File=/dev/x[0-1] Cores=0-1\nName=gpu File=/dev/x[2-3] Cores=2-3\n"),
        0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct gres_place at = { &p.host,      &job,         1, rows[i].rank, 4,
                                       rows[i].cpus, rows[i].cpu_n };
        uint64_t got = 99;
        struct err e = { 0 };
        int err = gres_bind(rows[i].bind, &at, &got, &e);
        if (rows[i].want < 0)
            assert_true(err < 0 && strstr(e.text, "Invalid --gpu-bind"));
        else
            assert_true(err == 0 && got == (uint64_t)rows[i].want);
    }
}

int main(void)
{
    return RUN(T(files_become_devices_in_the_order_of_slurm_conf), T(less_than_configured_is_said),
               T(wrong_lines_are_refused_with_words), T(drivers_files_are_read),
               T(the_library_is_asked_when_it_is_there), T(variables_say_what_the_step_has),
               T(shares_see_their_gpu), T(devices_of_others_are_denied),
               T(tasks_are_bound_to_gpus));
}
