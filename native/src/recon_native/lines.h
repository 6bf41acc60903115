/* What lines.c adds to the module. */
#ifndef RECON_LINES_H
#define RECON_LINES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

int lines_add(PyObject *module);

#endif
