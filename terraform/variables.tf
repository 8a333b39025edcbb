# What must be given.

variable "project_id" {
  description = "The Google Cloud project that everything is made in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is 6 to 30 lower-case letters, digits and hyphens, and begins with a letter: the id of the project, not its name or number."
  }
}

variable "treasury_address" {
  description = "The address that pays: that of the key in the secret treasury-key, or of the KMS key. Payouts are opened for it once and for all."
  type        = string

  validation {
    condition     = can(regex("^0x[0-9a-fA-F]{40}$", var.treasury_address)) && !can(regex("^0x0{40}$", var.treasury_address))
    error_message = "treasury_address is 0x and 40 hex digits, and not zero."
  }
  validation {
    condition     = !contains([for n in local.networks : lower(n.usdc)], lower(var.treasury_address))
    error_message = "treasury_address is the USDC contract; give the address of the account that holds the USDC."
  }
}

variable "log_address" {
  description = "BLOCKRUN_LOG_ADDRESS: where receipts of payouts are sent to, as calldata. No contract."
  type        = string

  validation {
    condition     = can(regex("^0x[0-9a-fA-F]{40}$", var.log_address)) && !can(regex("^0x0{40}$", var.log_address))
    error_message = "log_address is 0x and 40 hex digits, and not zero."
  }
  validation {
    condition     = !contains([for n in local.networks : lower(n.usdc)], lower(var.log_address))
    error_message = "log_address is the USDC contract, which would revert every receipt; give an account of the operator."
  }
}

# Where.

variable "region" {
  description = "The region of everything that has one."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is one such as us-central1 or europe-west4, not a zone and not a multi-region."
  }
}

variable "domain" {
  description = "The host of the worker API, such as api.example.com. Makes a load balancer with a certificate and rate limits, and closes the functions' own addresses. Empty: the functions are reached at their own addresses, one for each path, for a front of the operator's own."
  type        = string
  default     = ""

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain))
    error_message = "domain is a host name in lower case, without https:// and without a path, or empty."
  }
}

variable "api_base_path" {
  description = "What stands before /v1/worker in the load balancer's paths: workers are given https://DOMAIN/BASE."
  type        = string
  default     = "/api"

  validation {
    condition     = can(regex("^(/[a-z0-9-]+)*$", var.api_base_path))
    error_message = "api_base_path is empty, or begins with a slash and does not end with one, such as /api."
  }
}

variable "requests_per_minute" {
  description = "What one client address may ask of the load balancer in a minute; more is answered with 429. A worker makes about four."
  type        = number
  default     = 240

  validation {
    condition     = var.requests_per_minute >= 10 && var.requests_per_minute <= 10000 && floor(var.requests_per_minute) == var.requests_per_minute
    error_message = "requests_per_minute is a whole number from 10 to 10000; a worker makes about four, and several may share an address."
  }
}

# The work.

variable "tasks_per_poll" {
  description = "How many tasks a worker is handed at once, at most."
  type        = number
  default     = 10

  validation {
    condition     = var.tasks_per_poll >= 1 && var.tasks_per_poll <= 50 && floor(var.tasks_per_poll) == var.tasks_per_poll
    error_message = "tasks_per_poll is 1 to 50."
  }
}

variable "min_worker_version" {
  description = "Workers (worker-cli) that are older get no tasks and are told to update, such as v1.2.0. Empty: all are taken."
  type        = string
  default     = ""

  validation {
    condition     = var.min_worker_version == "" || can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+$", var.min_worker_version))
    error_message = "min_worker_version is of the form v1.2.0, or empty."
  }
}

variable "task_shards" {
  description = "Of the due queue. One for each 1000 tasks or so; the tasks are loaded again after a change."
  type        = number
  default     = 1

  validation {
    condition     = var.task_shards >= 1 && var.task_shards <= 64 && floor(var.task_shards) == var.task_shards
    error_message = "task_shards is 1 to 64."
  }
}

variable "log_level" {
  description = "From which level on the functions log."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "log_level is DEBUG or INFO: the dashboard and the alerts are made from lines of INFO and above."
  }
}

variable "trace_sample_ratio" {
  description = "How many traces of 1 are recorded: 0 is none, 1 is all of them, which costs more the busier the network is."
  type        = number
  default     = 0.05

  validation {
    condition     = var.trace_sample_ratio >= 0 && var.trace_sample_ratio <= 1
    error_message = "trace_sample_ratio is a number from 0 (no traces) to 1 (all of them), such as 0.05."
  }
}

variable "public_instances" {
  description = "Of each public function: how many are always there (each is paid for, none starts cold), and at most."
  type        = object({ min = number, max = number })
  default     = { min = 0, max = 20 }

  validation {
    condition     = var.public_instances.min >= 0 && var.public_instances.max >= 1 && var.public_instances.max >= var.public_instances.min && var.public_instances.max <= 1000
    error_message = "public_instances: min is 0 or more, max is 1 to 1000 and at least min."
  }
}

# People.

variable "operators" {
  description = "Who may use the operator's command, such as [\"group:operators@example.com\"]: it reads and writes the database, and takes dead letters. Better a group than people."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.operators : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", m))])
    error_message = "operators are each user:, group: or serviceAccount: and an e-mail address."
  }
}

variable "alert_email" {
  description = "Who is told when something needs a person. Empty: alerts are only seen in the console."
  type        = string
  default     = ""

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email is an e-mail address, or empty."
  }
}
