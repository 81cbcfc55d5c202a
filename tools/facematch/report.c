#include "report.h"
#include "output.h"
bool report_write(const report *r, const json_t *json)
{
    (void)r;
    (void)json;
    return true;
}
