/* Flags of generic resources, from their rows. */
#ifndef SCHEMA_GRES_H
#define SCHEMA_GRES_H

enum gres_flag {
#define GRES_FLAG(word, bit, doc) GRES_##word = 1 << (bit),
#include "schema/gres_flags.def"
#undef GRES_FLAG
};

#define GRES_ENV_FLAGS \
    (GRES_nvidia_gpu_env | GRES_amd_gpu_env | GRES_intel_gpu_env | GRES_opencl_env)

#endif
