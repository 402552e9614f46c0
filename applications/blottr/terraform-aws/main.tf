# What blottr stands on in another region of AWS: the database, the bucket of pictures, the cluster. An example to begin with.
#
#   AWS_PROFILE=recovery
#   TF_CLI_ARGS_init="-backend-config=bucket=blottr-terraform -backend-config=key=recovery -backend-config=region=eu-central-1"
#   TF_VAR_database_password=…
#
# The state's bucket stands in neither the lost region nor the lost account. Commit .terraform.lock.hcl (`terraform providers
# lock`): with it, a recovery uses the providers that were tried, and downloads no others.
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }

  # The lock is an object beside the state (terraform 1.10): no table that a clean-up could remove.
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      application = "blottr"
      purpose     = "disaster-recovery"
    }
  }
}
