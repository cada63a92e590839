/* Preloaded into slurmctld by test_names.py: a user database that does not know uid 1 and 65534
 * until the file $SLOW_USERS is gone. */
#include <dlfcn.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

typedef int lookup_fn(uid_t, struct passwd *, char *, size_t, struct passwd **);

int getpwuid_r(uid_t uid, struct passwd *record, char *text, size_t size, struct passwd **found)
{
    lookup_fn *real = (lookup_fn *)dlsym(RTLD_NEXT, "getpwuid_r");
    const char *file = getenv("SLOW_USERS");

    while (uid != 0 && file && access(file, F_OK) == 0)
        usleep(10000);
    return real(uid, record, text, size, found);
}
