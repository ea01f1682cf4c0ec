#!/bin/sh
# What `make run` says before it starts: how to see a first alert.
cat <<'TEXT'
Saker starts now. To see a first alert, in a second terminal:

  cat /etc/shadow
      a program that has no business there reads a sensitive file (needs root, for the sensor too)

  curl -H 'Content-Type: application/json' --data-binary @examples/exec-into-pod.json http://127.0.0.1:9765/k8s-audit
      a Kubernetes audit event: somebody opened a shell in a pod

Alerts are printed below, Ctrl-C ends. Lines in braces are the program's own log.

TEXT
