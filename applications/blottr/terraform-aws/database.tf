resource "aws_db_subnet_group" "blottr" {
  name       = "blottr-recovery"
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "database" {
  name   = "blottr-recovery-database"
  vpc_id = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_eks_cluster.blottr.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_instance" "blottr" {
  identifier                  = "blottr-recovery"
  engine                      = "postgres"
  engine_version              = "15"
  instance_class              = var.database_class
  allocated_storage           = var.database_gigabytes
  storage_type                = "gp3"
  storage_encrypted           = true
  username                    = "continuity"
  password                    = var.database_password
  db_subnet_group_name        = aws_db_subnet_group.blottr.name
  vpc_security_group_ids      = [aws_security_group.database.id]
  multi_az                    = true
  backup_retention_period     = 7
  deletion_protection         = true
  skip_final_snapshot         = false
  final_snapshot_identifier   = "blottr-recovery-final"
  allow_major_version_upgrade = false
}
