// SPDX-License-Identifier: MIT
//
// The same program in C++11: the C file is its text.
#include "header.c"
