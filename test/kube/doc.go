// Package kube holds the test on a real API server: kube-apiserver and etcd, built from their modules, send their audit
// events to the built program, set up as `saker audit init` says; clients with the identities of a cluster attack it and
// go about their everyday work; every attack has to give exactly its alerts and the everyday work none.
//
// It is a module of its own, so that Kubernetes is no dependency of the program. `make e2e-kube` runs it. build.sh builds
// the two servers once and keeps them in the user's cache; run.sh runs the test with them.
//
// A scenario is a row of a table: what somebody does by client-go, and the alerts that this has to give. Requests carry
// audit ids of the test's choice, by which each alert finds its scenario; an alert that finds none fails the test, too.
//
// With -rules PATH other rules than those built in are tried. With -dump DIR the test writes the events of each scenario,
// as the API server's own log has them, into files that `saker test` can read.
package kube
