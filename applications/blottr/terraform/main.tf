# What blottr stands on, for demonstrations: nothing but a state is made, and nothing has to be downloaded. The real thing is
# in ../terraform-aws. Where the state is kept is said from outside: TF_CLI_ARGS_init="-backend-config=path=/…/terraform.tfstate".
terraform {
  required_version = ">= 1.5"

  backend "local" {}
}

variable "database_host" {
  description = "Where the database listens."
  type        = string
}

variable "database_port" {
  description = "On which port."
  type        = number
  default     = 5432

  validation {
    condition     = var.database_port > 0 && var.database_port < 65536
    error_message = "A port is a number from 1 to 65535."
  }
}

variable "media_bucket" {
  description = "The bucket of pictures."
  type        = string
}

variable "cluster" {
  description = "The context of the kubeconfig by which the new cluster is reached."
  type        = string
}

variable "application_password" {
  description = "By which the application logs in; given as TF_VAR_application_password, and never shown."
  type        = string
  sensitive   = true
  default     = ""
}

# application.toml protects these two by their addresses, as databases and buckets of a cloud are protected by their types.
resource "terraform_data" "database" {
  input = {
    host = var.database_host
    port = var.database_port
  }
  triggers_replace = [var.database_host]
}

resource "terraform_data" "media" {
  input            = var.media_bucket
  triggers_replace = [var.media_bucket]
}

resource "terraform_data" "cluster" {
  input = {
    context  = var.cluster
    database = terraform_data.database.id
  }
}

output "database_host" {
  value = terraform_data.database.output.host
}

output "database_port" {
  value = terraform_data.database.output.port
}

output "media_bucket" {
  value = terraform_data.media.output
}

output "cluster" {
  value = terraform_data.cluster.output.context
}

output "application_password" {
  value     = var.application_password
  sensitive = true
}
