package kube

var everyday []scenario
