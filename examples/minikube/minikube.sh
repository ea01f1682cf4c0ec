#!/bin/sh
# Starts minikube with an API server that sends its audit events to Saker. Arguments are handed on to minikube start.
# README.md says why the flags have these values.
set -eu
# minikube copies what is below files to the same place of the node when it starts, and the API server sees the node's
# /etc/ssl/certs.
files="${MINIKUBE_HOME:-$HOME/.minikube}/files/etc/ssl/certs/saker"
mkdir -p "$files"
chmod 700 "$files"
cp "$(dirname "$0")"/apiserver/* "$files"/
exec minikube start \
  --extra-config=apiserver.audit-policy-file=/etc/ssl/certs/saker/audit-policy.yaml \
  --extra-config=apiserver.audit-webhook-config-file=/etc/ssl/certs/saker/audit-webhook.yaml \
  --extra-config=apiserver.audit-webhook-mode=batch \
  --extra-config=apiserver.audit-webhook-batch-max-wait=1s \
  --extra-config=apiserver.audit-webhook-batch-max-size=400 \
  --extra-config=apiserver.audit-webhook-batch-buffer-size=10000 \
  --extra-config=apiserver.audit-webhook-batch-throttle-qps=25 \
  --extra-config=apiserver.audit-webhook-batch-throttle-burst=50 \
  --extra-config=apiserver.audit-webhook-initial-backoff=10s \
  --extra-config=apiserver.audit-webhook-truncate-enabled=true \
  --extra-config=apiserver.audit-webhook-truncate-max-event-size=4194304 \
  --extra-config=apiserver.audit-webhook-truncate-max-batch-size=10485760 \
  "$@"
