package kube

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

const privileged = "securityContext: {privileged: true}"

// attacksOnPods are pods that reach for their node, and hands inside running pods.
var attacksOnPods = []scenario{
	{
		name: "privileged pod",
		act:  func(s *scene) { s.create("mallory", podWith("shop", "privileged", privileged)) },
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "privileged", fields: fields{"ka.target.namespace": "shop"}}},
	},
	{
		// That he acts as somebody else is the lesser finding.
		name: "pod with the processes of the node under another name",
		act: func(s *scene) {
			object := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "impersonated"},
				Spec:       corev1.PodSpec{HostPID: true, Containers: []corev1.Container{{Name: "app", Image: "registry.example/app:1.4"}}},
			}
			s.done(s.as("mallory", impersonating("alice", "developers")).CoreV1().Pods("shop").Create(ctx(), object, metav1.CreateOptions{}))
		},
		want: []want{{rule: "Pod joins the host's process or IPC namespace", user: "mallory", target: "impersonated"}},
	},
	{
		name: "privileged pod by server-side apply",
		act:  func(s *scene) { s.apply("mallory", podWith("shop", "privileged-applied", privileged)) },
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "privileged-applied"}},
	},
	{
		name: "privileged pod with a generated name",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: Pod, metadata: {generateName: job-, namespace: shop}, spec: {containers: [{name: app, image: registry.example/app:1.4, "+privileged+"}]}}")
		},
		want: []want{{rule: "Privileged container requested", user: "mallory", fields: fields{"ka.resp.name": "job-*"}}},
	},
	{
		name: "privileged second container",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "privileged-second", "initContainers: [{name: copy, image: registry.example/copy:2, "+privileged+"}]"))
		},
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "privileged-second"}},
	},
	{
		name: "privileged pod written as protobuf",
		act: func(s *scene) {
			s.createProtobuf("mallory", "shop", "privileged-protobuf", "")
		},
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "privileged-protobuf"}},
	},
	{
		name: "privileged pod written as YAML",
		act: func(s *scene) {
			s.status(http.StatusCreated, "mallory", http.MethodPost, "/api/v1/namespaces/shop/pods", "application/yaml", podWith("shop", "privileged-yaml", privileged))
		},
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "privileged-yaml"}},
	},
	{
		// An API server that cuts long events would hide what the pod asks for.
		name: "privileged pod in a large body",
		act: func(s *scene) {
			s.create("mallory", fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: privileged-large, namespace: shop, annotations: {padding: %q}}, spec: {containers: [{name: app, image: registry.example/app:1.4, env: [{name: PADDING, value: %q}], %s}]}}",
				strings.Repeat("p", 250_000), strings.Repeat("p", 900_000), privileged))
		},
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "privileged-large"}},
	},
	{
		// In an event each of these signs takes six bytes instead of one, so that it is longer than any request can be. The
		// API server leaves out what the pod asks for; that it did is the alert.
		name: "privileged pod in a body that swells",
		act: func(s *scene) {
			s.createProtobuf("mallory", "shop", "privileged-swollen", strings.Repeat("<", 1_200_000))
		},
		want: []want{{rule: "Change hidden by its length", user: "mallory", target: "privileged-swollen"}},
	},
	{
		// What counts is that the pod comes: its controller creates it, under the controller's name.
		name: "privileged pods of a daemon set",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: miner, namespace: shop}, spec: {selector: {matchLabels: {app: miner}}, template: {metadata: {labels: {app: miner}}, spec: {containers: [{name: app, image: registry.example/miner:1, "+privileged+"}]}}}}")
			s.create(controllers+"daemon-set-controller", "{apiVersion: v1, kind: Pod, metadata: {generateName: miner-, namespace: shop, labels: {app: miner}}, spec: {containers: [{name: app, image: registry.example/miner:1, "+privileged+"}]}}")
		},
		want: []want{
			{rule: "Daemon set created by an unexpected user", user: "mallory", target: "miner"},
			{rule: "Privileged container requested", user: controllers + "daemon-set-controller", fields: fields{"ka.resp.name": "miner-*", "ka.target.namespace": "shop"}},
		},
	},
	{
		name: "root of the node mounted",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "root-mount", "volumes: [{name: host, hostPath: {path: /}}]"))
		},
		want: []want{{rule: "Sensitive host path mounted into a pod", user: "mallory", target: "root-mount"}},
	},
	{
		name: "container runtime socket mounted by client-side apply",
		act: func(s *scene) {
			manifest := pod("shop", "socket-mount", "volumes: [{name: tmp, emptyDir: {}}, {name: runtime, hostPath: {path: /run/containerd/containerd.sock, type: Socket}}]")
			s.clientSideApply("mallory", manifest)
		},
		want: []want{{rule: "Sensitive host path mounted into a pod", user: "mallory", target: "socket-mount"}},
	},
	{
		name: "sensitive path spelled another way",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "odd-mount", "volumes: [{name: host, hostPath: {path: //etc/./kubernetes}}]"))
		},
		want: []want{{rule: "Sensitive host path mounted into a pod", user: "mallory", target: "odd-mount"}},
	},
	{
		name: "directory of sockets with a slash at its end",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "slash-mount", "volumes: [{name: host, hostPath: {path: /run/}}]"))
		},
		want: []want{{rule: "Sensitive host path mounted into a pod", user: "mallory", target: "slash-mount"}},
	},
	{
		name: "directory of the node with a dot at its end",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "dot-mount", "volumes: [{name: host, hostPath: {path: /var/lib/.}}]"))
		},
		want: []want{{rule: "Sensitive host path mounted into a pod", user: "mallory", target: "dot-mount"}},
	},
	{
		name: "processes of the node",
		act:  func(s *scene) { s.create("mallory", pod("shop", "host-pid", "hostPID: true")) },
		want: []want{{rule: "Pod joins the host's process or IPC namespace", user: "mallory", target: "host-pid"}},
	},
	{
		name: "shared memory of the node",
		act:  func(s *scene) { s.apply("mallory", pod("shop", "host-ipc", "hostIPC: true")) },
		want: []want{{rule: "Pod joins the host's process or IPC namespace", user: "mallory", target: "host-ipc"}},
	},
	{
		name: "network of the node",
		act:  func(s *scene) { s.create("mallory", pod("shop", "host-network", "hostNetwork: true")) },
		want: []want{{rule: "Pod joins the host's network", user: "mallory", target: "host-network"}},
	},
	{
		name: "powerful capability",
		act: func(s *scene) {
			s.create("mallory", podWith("shop", "capable", "securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE, SYS_ADMIN]}}"))
		},
		want: []want{{rule: "Pod asks for powerful capabilities", user: "mallory", target: "capable"}},
	},
	{
		// containerd takes the names of capabilities in any case.
		name: "powerful capability in small letters",
		act: func(s *scene) {
			s.create("mallory", podWith("shop", "capable-small", "securityContext: {capabilities: {add: [sys_admin]}}"))
			s.create("mallory", podWith("shop", "capable-all", "securityContext: {capabilities: {add: [all]}}"))
		},
		want: []want{
			{rule: "Pod asks for powerful capabilities", user: "mallory", target: "capable-small"},
			{rule: "Pod asks for powerful capabilities", user: "mallory", target: "capable-all"},
		},
	},
	{
		name: "powerful capability of an init container",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "capable-init", "initContainers: [{name: first, image: registry.example/first:1, securityContext: {capabilities: {add: [SYS_PTRACE]}}}]"))
		},
		want: []want{{rule: "Pod asks for powerful capabilities", user: "mallory", target: "capable-init"}},
	},
	{
		name: "pod among the system's",
		act:  func(s *scene) { s.create("mallory", pod("kube-system", "coredns-helper", "")) },
		want: []want{{rule: "Pod placed in a system namespace", user: "mallory", target: "coredns-helper", fields: fields{"ka.target.namespace": "kube-system"}}},
	},
	{
		name: "debug container",
		act:  func(s *scene) { s.debug("mallory", "shop", "web", "debugger", false) },
		want: []want{{rule: "Debug container added to a running pod", user: "mallory", target: "web"}},
	},
	{
		name: "privileged debug container",
		act:  func(s *scene) { s.debug("mallory", "shop", "web", "debugger-privileged", true) },
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "web"}},
	},
	{
		name: "privileged debug container by JSON patch",
		act: func(s *scene) {
			s.done(s.as("mallory").CoreV1().Pods("shop").Patch(ctx(), "web", types.JSONPatchType,
				[]byte(`[{"op":"add","path":"/spec/ephemeralContainers/-","value":{"name":"steps","image":"registry.example/tools:3","terminationMessagePolicy":"File","securityContext":{"privileged":true}}}]`), metav1.PatchOptions{}, "ephemeralcontainers"))
		},
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "web"}},
	},
	{
		name: "privileged debug container in other letters",
		act: func(s *scene) {
			s.done(s.as("mallory").CoreV1().Pods("shop").Patch(ctx(), "web", types.JSONPatchType,
				[]byte(`[{"op":"add","path":"/spec/ephemeralContainers/-","value":{"name":"letters","image":"registry.example/tools:3","terminationMessagePolicy":"File","securityContext":{"privile\u0067ed":true}}}]`), metav1.PatchOptions{}, "ephemeralcontainers"))
		},
		want: []want{{rule: "Privileged container requested", user: "mallory", target: "web"}},
	},
	{
		name: "unconfined pod",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "unconfined", "securityContext: {seccompProfile: {type: Unconfined}}"))
		},
		want: []want{{rule: "Pod's confinement switched off", user: "mallory", target: "unconfined"}},
	},
	{
		name: "keys of k3s mounted",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "k3s-mount", "volumes: [{name: keys, hostPath: {path: /var/lib/rancher/k3s/server}}]"))
		},
		want: []want{{rule: "Sensitive host path mounted into a pod", user: "mallory", target: "k3s-mount"}},
	},
	{
		name: "logs of the node mounted",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "log-mount", "volumes: [{name: logs, hostPath: {path: /var/log}}]"))
		},
		want: []want{{rule: "Host path mounted into a pod", user: "mallory", target: "log-mount"}},
	},
	{
		// Collectors of logs are told as well until their image is in the list host_access_images: who may write among the
		// logs reads the node's files.
		name: "logs of pods mounted",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "pod-log-mount", "volumes: [{name: logs, hostPath: {path: /var/log/pods}}, {name: tmp, emptyDir: {}}]"))
		},
		want: []want{{rule: "Host path mounted into a pod", user: "mallory", target: "pod-log-mount"}},
	},
	{
		name: "path of the node mounted",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "some-mount", "volumes: [{name: data, hostPath: {path: /opt/data}}]"))
		},
		want: []want{{rule: "Host path mounted into a pod", user: "mallory", target: "some-mount"}},
	},
	{
		name: "pod aimed at a node",
		act:  func(s *scene) { s.create("mallory", pod("shop", "aimed", "nodeName: node-1")) },
		want: []want{{rule: "Pod aimed at a node", user: "mallory", target: "aimed"}},
	},
	{
		name: "command in a pod of the system",
		act: func(s *scene) {
			s.create(controllers+"replicaset-controller", pod("kube-system", "coredns-1", ""))
			s.run("kube-system", "coredns-1")
			s.says("sh")(s.exec("mallory", "kube-system", "coredns-1", websocket, "sh"))
		},
		want: []want{{rule: "Session opened in a system pod", user: "mallory", target: "coredns-1"}},
	},
	{
		name: "command by websocket",
		act:  func(s *scene) { s.says("id -u")(s.exec("mallory", "shop", "web", websocket, "id", "-u")) },
		want: []want{{rule: "Session opened in a pod", user: "mallory", target: "web", fields: fields{"ka.target.subresource": "exec"}}},
	},
	{
		name: "command of many letters",
		act: func(s *scene) {
			s.says("echo")(s.exec("mallory", "shop", "web", spdy31, "echo", strings.Repeat("x", 100_000)))
		},
		want: []want{{rule: "Session opened in a pod", user: "mallory", target: "web"}},
	},
	{
		name: "command by SPDY",
		act: func(s *scene) {
			s.says("cat")(s.exec("alice", "shop", "web", spdy31, "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"))
		},
		want: []want{{rule: "Session opened in a pod", user: "alice", target: "web", fields: fields{"ka.target.subresource": "exec"}}},
	},
	{
		name: "terminal taken over by websocket",
		act:  func(s *scene) { s.says("whoami")(s.attach("mallory", "shop", "web", websocket, "whoami")) },
		want: []want{{rule: "Session opened in a pod", user: "mallory", target: "web", fields: fields{"ka.target.subresource": "attach"}}},
	},
	{
		name: "terminal taken over by SPDY",
		act:  func(s *scene) { s.says("whoami")(s.attach("mallory", "shop", "web", spdy31, "whoami")) },
		want: []want{{rule: "Session opened in a pod", user: "mallory", target: "web", fields: fields{"ka.target.subresource": "attach"}}},
	},
	{
		name: "tunnel by websocket",
		act:  func(s *scene) { s.forward("mallory", "shop", "web", websocket) },
		want: []want{{rule: "Port forwarded into a pod", user: "mallory", target: "web"}},
	},
	{
		name: "tunnel by SPDY",
		act:  func(s *scene) { s.forward("mallory", "shop", "web", spdy31) },
		want: []want{{rule: "Port forwarded into a pod", user: "mallory", target: "web"}},
	},
	{
		name: "kubelet runs a command",
		act: func(s *scene) {
			s.status(s.proxied(), "mallory", http.MethodPost, "/api/v1/nodes/node-1/proxy/run/shop/web/app?cmd=id", "", "")
		},
		want: []want{{rule: "Kubelet reached through the API server", user: "mallory", target: "node-1"}},
	},
	{
		name: "kubelet runs a command that speaks of metrics",
		act: func(s *scene) {
			s.status(s.proxied(), "mallory", http.MethodPost, "/api/v1/nodes/node-1/proxy/run/shop/web/app?cmd=id&x=/proxy/metrics", "", "")
		},
		want: []want{{rule: "Kubelet reached through the API server", user: "mallory", target: "node-1"}},
	},
	{
		name: "kubelet lists pods",
		act: func(s *scene) {
			s.status(s.proxied(), "mallory", http.MethodGet, "/api/v1/nodes/node-1:"+fmt.Sprint(s.kubelet.Port)+"/proxy/pods", "", "")
		},
		want: []want{{rule: "Kubelet reached through the API server", user: "mallory", target: "node-1:*"}},
	},
}

// debug adds a debug container to a pod, as kubectl debug does.
func (s *scene) debug(who, namespace, pod, name string, privileged bool) {
	body := fmt.Sprintf(`{"spec":{"ephemeralContainers":[{"name":%q,"image":"registry.example/tools:3","stdin":true,"tty":true,"targetContainerName":"app","securityContext":{"privileged":%t}}]}}`, name, privileged)
	s.done(s.as(who).CoreV1().Pods(namespace).Patch(ctx(), pod, types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{}, "ephemeralcontainers"))
}

// clientSideApply creates an object as kubectl apply does without --server-side: with the whole object in an annotation.
func (s *scene) clientSideApply(who, manifest string) {
	resource, object := s.objects(who, manifest)
	text, err := object.MarshalJSON()
	s.ok(err)
	object.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(text)})
	s.done(resource.Create(context.Background(), object, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"}))
}

// proxied is how the API server answers when a request is passed on to the kubelet: not at all to a loopback address.
func (s *scene) proxied() int {
	if s.kubelet.IP.IsLoopback() {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// createProtobuf creates a privileged pod with some padding, in the encoding of the control plane's programs.
func (s *scene) createProtobuf(who, namespace, name, padding string) {
	yes := true
	client := s.as(who, func(c *rest.Config) { c.ContentType = "application/vnd.kubernetes.protobuf" })
	s.done(client.CoreV1().Pods(namespace).Create(ctx(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "app", Image: "registry.example/app:1.4", Env: []corev1.EnvVar{{Name: "PADDING", Value: padding}},
			SecurityContext: &corev1.SecurityContext{Privileged: &yes},
		}}},
	}, metav1.CreateOptions{}))
}
