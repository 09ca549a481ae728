#include <argon2.h>
#ifdef __GLIBC__
// mallopt(3), by which what hashes have used is given back.
#include <malloc.h>
#endif
