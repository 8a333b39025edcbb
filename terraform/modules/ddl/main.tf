# The statements of the *.sql files of a directory, in the order of the files'
# names. Spanner takes a list of statements, without comments.
#
# A string or a quoted name is one piece, whatever is in it: dashes and
# semicolons inside are part of it. What is outside ends at a semicolon. Each
# run of spaces, line breaks and comments becomes one space, so that editing a
# comment of a file that is already applied changes no statement.

variable "directory" {
  type = string
}

locals {
  # '''...''', """...""", '...', "...", `...`; a backslash guards what follows.
  literal = "'''(?:[^\\\\]|\\\\.)*?'''|\"\"\"(?:[^\\\\]|\\\\.)*?\"\"\"|'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\"|`(?:[^`\\\\]|\\\\.)*`"

  # What separates words, with the literal before it, kept as $1, if there is one.
  space     = "(?:\\s|--[^\\n]*|#[^\\n]*|/\\*.*?\\*/)"
  separator = "(?s)(${local.literal})${local.space}*|${local.space}+"
  statement = "(?s)(?:${local.literal}|[^;'\"`])+"

  files = sort(fileset(var.directory, "*.sql"))
}

output "statements" {
  value = flatten([
    for name in local.files : [
      for s in regexall(local.statement, replace(file("${var.directory}/${name}"), "/${local.separator}/", "$1 ")) : trimspace(s) if trimspace(s) != ""
    ]
  ])
}
