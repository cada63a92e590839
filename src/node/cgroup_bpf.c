/* cgroup v2 has no file for devices: a program in the kernel says yes or no to each opening.  Ours
 * is a list of comparisons, written as instructions by hand: four for each device that is not the
 * step's, and "yes" at the end.  A group above may say no as well, and then it is no. */
#include "node/cgroup_impl.h"

#include "base/cleanup.h"
#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD 4 /* loads of type, major and minor */
#define EACH 5 /* for one device */
#define DENIED_MAX 512u

static struct bpf_insn load(uint8_t to, int16_t offset)
{
    return (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_1, offset, 0 };
}

/* Skips so many instructions when the register is not the number. */
static struct bpf_insn unless(uint8_t reg, uint32_t number, int16_t skip)
{
    return (struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, reg, 0, skip, (int32_t)number };
}

static struct bpf_insn set(uint8_t reg, int32_t number)
{
    return (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, number };
}

static struct bpf_insn leave(void)
{
    return (struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 };
}

/* R2 type, R3 major, R4 minor; the upper half of the type's word is the kind of access. */
static uint32_t write_program(struct bpf_insn *ret, const struct cgroup_device *v, uint32_t n)
{
    struct bpf_insn *at = ret;

    *at++ = load(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    *at++ = (struct bpf_insn){ BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff };
    *at++ = load(BPF_REG_3, offsetof(struct bpf_cgroup_dev_ctx, major));
    *at++ = load(BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, minor));
    for (uint32_t i = 0; i < n; i++) {
        *at++ = unless(BPF_REG_2, v[i].is_block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, 4);
        *at++ = unless(BPF_REG_3, v[i].major, 3);
        *at++ = unless(BPF_REG_4, v[i].minor, 2);
        *at++ = set(BPF_REG_0, 0);
        *at++ = leave();
    }
    *at++ = set(BPF_REG_0, 1);
    *at++ = leave();
    return (uint32_t)(at - ret);
}

static int bpf(int command, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

int cgroup_deny(const char *path, const struct cgroup_device *v, uint32_t n, struct err *e)
{
    CLEANUP(freep) struct bpf_insn *program = xcalloc(HEAD + (size_t)n * EACH + 2, sizeof *program);
    union bpf_attr attr;

    if (n > DENIED_MAX)
        return err_set(e, E2BIG, "%u devices to deny", n);
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insn_cnt = write_program(program, v, n);
    attr.insns = (uintptr_t)program;
    attr.license = (uintptr_t) "Apache-2.0";
    CLEANUP(closep) int fd = bpf(BPF_PROG_LOAD, &attr);
    if (fd < 0)
        return err_errno(e, "load the device program");
    CLEANUP(closep) int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0)
        return err_errno(e, "open cgroup %s", path);
    memset(&attr, 0, sizeof attr);
    attr.target_fd = (uint32_t)group;
    attr.attach_bpf_fd = (uint32_t)fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    return bpf(BPF_PROG_ATTACH, &attr) < 0 ? err_errno(e, "attach the device program to %s", path)
                                           : 0;
}
