/* A libnvidia-ml.so.1 for gres_test.c: card 0 is whole, card 1 is cut into two slices. */
#include <stdio.h>
#include <string.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *ret);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret);
int nvmlDeviceGetName(void *device, char *ret, unsigned size);
int nvmlDeviceGetUUID(void *device, char *ret, unsigned size);
int nvmlDeviceGetMinorNumber(void *device, unsigned *ret);
int nvmlDeviceGetCpuAffinity(void *device, unsigned words, unsigned long *ret);
int nvmlDeviceGetMigMode(void *device, unsigned *ret_now, unsigned *ret_later);
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **ret);
int nvmlDeviceGetGpuInstanceId(void *device, unsigned *ret);
int nvmlDeviceGetComputeInstanceId(void *device, unsigned *ret);

struct fake {
    unsigned minor, is_cut, instance;
    const char *name, *uuid;
};

static struct fake cards[] = { { 0, 0, 0, "Fake H100", "GPU-0" },
                               { 1, 1, 0, "Fake H100", "GPU-1" } };
static struct fake slices[] = { { 1, 0, 1, "Fake H100 MIG 1g.10gb", "MIG-1" },
                                { 1, 0, 2, "Fake H100 MIG 1g.10gb", "MIG-2" } };

int nvmlInit_v2(void)
{
    return 0;
}

int nvmlShutdown(void)
{
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *ret)
{
    *ret = 2;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret)
{
    *ret = &cards[index];
    return 0;
}

int nvmlDeviceGetName(void *device, char *ret, unsigned size)
{
    snprintf(ret, size, "%s", ((struct fake *)device)->name);
    return 0;
}

int nvmlDeviceGetUUID(void *device, char *ret, unsigned size)
{
    snprintf(ret, size, "%s", ((struct fake *)device)->uuid);
    return 0;
}

int nvmlDeviceGetMinorNumber(void *device, unsigned *ret)
{
    *ret = ((struct fake *)device)->minor;
    return 0;
}

int nvmlDeviceGetCpuAffinity(void *device, unsigned words, unsigned long *ret)
{
    memset(ret, 0, words * sizeof *ret);
    ret[0] = ((struct fake *)device)->minor ? 0xc : 0x3;
    return 0;
}

int nvmlDeviceGetMigMode(void *device, unsigned *ret_now, unsigned *ret_later)
{
    *ret_now = *ret_later = ((struct fake *)device)->is_cut;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **ret)
{
    *ret = index < 2 ? &slices[index] : NULL;
    return index < 2 ? 0 : 6;
}

int nvmlDeviceGetGpuInstanceId(void *device, unsigned *ret)
{
    *ret = ((struct fake *)device)->instance;
    return 0;
}

int nvmlDeviceGetComputeInstanceId(void *device, unsigned *ret)
{
    *ret = 0;
    return 0;
}
