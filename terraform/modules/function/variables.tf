variable "project_id" {
  type = string
}

variable "region" {
  type = string
}

variable "entry_point" {
  description = "The name under which functions.go registers it."
  type        = string
}

variable "description" {
  type = string
}

variable "build" {
  description = "The archive that it is built from, as whom, and where the image goes."
  type        = object({ bucket = string, object = string, service_account = string, docker_repository = string })
}

variable "environment" {
  type = map(string)
}

variable "secrets" {
  description = "Variables whose values are versions of secrets. The function's account must be let read them."
  type        = map(object({ secret = string, version = string }))
  default     = {}
}

variable "callers" {
  description = "Who may call it, by a name of no meaning."
  type        = map(string)
}

variable "ingress" {
  type    = string
  default = "ALLOW_INTERNAL_ONLY"
}

variable "timeout_seconds" {
  type = number
}

variable "instances" {
  type = object({ min = number, max = number })
}

variable "concurrency" {
  description = "Requests at once in one instance."
  type        = number
}

variable "memory" {
  type    = string
  default = "512Mi"
}
