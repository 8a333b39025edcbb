# The database.

variable "spanner_edition" {
  description = "STANDARD, or ENTERPRISE for autoscaling."
  type        = string
  default     = "STANDARD"

  validation {
    condition     = contains(["STANDARD", "ENTERPRISE"], var.spanner_edition)
    error_message = "spanner_edition is STANDARD or ENTERPRISE."
  }
}

variable "spanner_processing_units" {
  description = "The size of the instance: 100 carries the pilot, 1000 are one node. Not looked at with autoscaling."
  type        = number
  default     = 100

  validation {
    condition     = var.spanner_processing_units >= 100 && var.spanner_processing_units % (var.spanner_processing_units < 1000 ? 100 : 1000) == 0
    error_message = "spanner_processing_units is a multiple of 100 below 1000, and a multiple of 1000 from there on."
  }
}

variable "spanner_autoscaling" {
  description = "Processing units between which Spanner scales by itself: { min = 1000, max = 5000 }."
  type        = object({ min = number, max = number })
  default     = null

  validation {
    condition     = var.spanner_autoscaling == null || var.spanner_edition == "ENTERPRISE"
    error_message = "spanner_autoscaling needs spanner_edition = \"ENTERPRISE\"."
  }
  validation {
    condition     = var.spanner_autoscaling == null || try(var.spanner_autoscaling.min >= 1000 && var.spanner_autoscaling.min % 1000 == 0 && var.spanner_autoscaling.max % 1000 == 0 && var.spanner_autoscaling.max > var.spanner_autoscaling.min, false)
    error_message = "spanner_autoscaling: min and max are multiples of 1000, min at least 1000, max more than min."
  }
}

variable "backup_retention_days" {
  description = "How long the daily backups are kept. Any moment of the last seven days can be read without one."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 366 && floor(var.backup_retention_days) == var.backup_retention_days
    error_message = "backup_retention_days is 1 to 366."
  }
}

variable "protect_data" {
  description = "Refuses to delete the database. Set to false, and applied, only to take the network down for good."
  type        = bool
  default     = true
}

# Files.

variable "source_archive" {
  description = "What the functions are made from: go run ./functions/archive writes it."
  type        = string
  default     = "../dist/source.zip"

  validation {
    condition     = fileexists(var.source_archive)
    error_message = "There is no source archive. Write it first, in the repository: go run ./functions/archive"
  }
}

variable "spend_log_bucket" {
  description = "The bucket with llm-calls/YYYY-MM-DD.jsonl, if it exists already. Empty: one is made."
  type        = string
  default     = ""

  validation {
    condition     = var.spend_log_bucket == "" || can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.spend_log_bucket))
    error_message = "spend_log_bucket is the name of a bucket, without gs://, or empty."
  }
}

variable "spend_log_wallet_fields" {
  description = "The spend log's names for the wallet, the first that a line has wins. Empty: the common ones."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for f in var.spend_log_wallet_fields : can(regex("^[^,\\s]+$", f))])
    error_message = "spend_log_wallet_fields are names without commas and spaces."
  }
}

variable "spend_log_cost_fields" {
  description = "The spend log's names for the cost in USD, the first that a line has wins. Empty: the common ones."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for f in var.spend_log_cost_fields : can(regex("^[^,\\s]+$", f))])
    error_message = "spend_log_cost_fields are names without commas and spaces."
  }
}

variable "spend_log_failed_when" {
  description = "Conditions, such as \"success=false\" or \"statusCode=5*\": a line of the spend log that meets one is a failed call, and does not count."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for f in var.spend_log_failed_when : can(regex("^[^,=\\s]+=[^,\\s]([^,]*[^,\\s])?$", f))])
    error_message = "spend_log_failed_when has conditions of the form field=value, without commas; for example success=false."
  }
}

variable "refresh_budget_seconds" {
  description = "How long one run of RefreshReputation takes before it leaves the rest to the next. Its timeout is 1800 seconds."
  type        = number
  default     = 1500

  validation {
    condition     = var.refresh_budget_seconds >= 60 && var.refresh_budget_seconds <= 1680 && floor(var.refresh_budget_seconds) == var.refresh_budget_seconds
    error_message = "refresh_budget_seconds is 60 to 1680: some minutes less than the function's timeout of 1800."
  }
}

variable "result_log_retention_days" {
  description = "For how long no file of the result log can be deleted or replaced, by anybody."
  type        = number
  default     = 400

  validation {
    condition     = var.result_log_retention_days >= 1 && var.result_log_retention_days <= 3650 && floor(var.result_log_retention_days) == var.result_log_retention_days
    error_message = "result_log_retention_days is 1 to 3650."
  }
}

variable "result_log_readers" {
  description = "Who may read the result log, to recompute the payouts: \"user:auditor@example.com\", \"group:...\", \"domain:...\"."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.result_log_readers : can(regex("^(user|group|domain|serviceAccount):[^\\s:]+$", m))])
    error_message = "result_log_readers are such as user:auditor@example.com; the bucket is not open to allUsers."
  }
}
