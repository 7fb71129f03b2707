# SPDX-License-Identifier: MIT
#
# What CONNECT-UDP needs of HTTP: library duality_http, alias duality::http. Pure parsing, no dependency. Include after
# duality_targets.

duality_library(http SOURCES masque/http LINK duality_core)
