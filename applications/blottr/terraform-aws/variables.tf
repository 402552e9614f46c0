variable "region" {
  description = "Where blottr is to stand."
  type        = string
  default     = "eu-central-1"
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets in at least two zones of it."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "A database and a cluster need subnets in two zones."
  }
}

variable "database_class" {
  description = "Size of the database's machine: not below that of production, or the restore takes longer than was measured."
  type        = string
  default     = "db.m6g.large"
}

variable "database_gigabytes" {
  description = "Room for the database, the restore's sorting and its growth."
  type        = number
  default     = 100
}

variable "database_password" {
  description = "Of the database's first role; TF_VAR_database_password, from your secret store."
  type        = string
  sensitive   = true
}

variable "media_bucket" {
  description = "A name that nobody has: the lost bucket's is taken for as long as that stands."
  type        = string
}

variable "cluster_role_arn" {
  description = "Role of the cluster's control plane."
  type        = string
}

variable "node_role_arn" {
  description = "Role of its nodes."
  type        = string
}
