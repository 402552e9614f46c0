output "database_host" {
  value = aws_db_instance.blottr.address
}

output "database_port" {
  value = aws_db_instance.blottr.port
}

output "media_bucket" {
  value = aws_s3_bucket.media.bucket
}

# `aws eks update-kubeconfig --name …` makes the kubeconfig that `[cluster] kubeconfig` names.
output "cluster" {
  value = aws_eks_cluster.blottr.name
}
