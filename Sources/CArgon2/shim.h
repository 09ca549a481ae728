#include <argon2.h>
#ifdef __GLIBC__
// malloc_trim(3), which gives back what hashes have used.
#include <malloc.h>
#endif
