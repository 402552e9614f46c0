resource "aws_eks_cluster" "blottr" {
  name     = "blottr-recovery"
  role_arn = var.cluster_role_arn

  vpc_config {
    subnet_ids = var.subnet_ids
  }
}

resource "aws_eks_node_group" "blottr" {
  cluster_name    = aws_eks_cluster.blottr.name
  node_group_name = "blottr"
  node_role_arn   = var.node_role_arn
  subnet_ids      = var.subnet_ids

  scaling_config {
    desired_size = 3
    min_size     = 2
    max_size     = 6
  }
}
