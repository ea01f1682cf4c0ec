package kube

import (
	"fmt"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	rbacapply "k8s.io/client-go/applyconfigurations/rbac/v1"
)

// controllers begins the names under which kube-controller-manager runs its loops.
const controllers = "system:serviceaccount:kube-system:"

// joiners is the group of those who join with a token.
const joiners = "system:bootstrappers:kubeadm:default-node-token"

const controllerManager = "system:kube-controller-manager"

// bootstrap makes a cluster of a fresh API server, as kubeadm and the control plane do, and gives it a namespace in which
// a pod runs. There is no kube-controller-manager and no scheduler: the test does what they would do, under their names.
var bootstrap = scenario{
	name: "bootstrap",
	act: func(s *scene) {
		s.create("kubernetes-super-admin", clusterRoleBinding("kubeadm:cluster-admins", "cluster-admin", "Group", "kubeadm:cluster-admins"))
		s.create("kubernetes-super-admin", clusterRoleBinding("operators", "cluster-admin", "Group", "operators"))
		s.allowed("kubernetes-admin", "", "create", "namespaces", "")
		s.allowed("mallory", "", "create", "namespaces", "")
		for _, name := range []string{
			"clusterrole-aggregation-controller", "service-account-controller", "root-ca-cert-publisher",
			"deployment-controller", "replicaset-controller", "daemon-set-controller", "cronjob-controller", "job-controller",
			"generic-garbage-collector", "namespace-controller", "endpointslice-controller", "horizontal-pod-autoscaler",
			"certificate-controller", "node-controller", "statefulset-controller", "endpoint-controller",
		} {
			s.serviceAccount(controllerManager, "kube-system", name)
			s.login("kube-system", name)
		}
		for _, role := range []string{"view", "edit", "admin"} {
			s.aggregate(role)
		}
		s.clusterInfo()
		s.joinToken()
		s.joinNode(node)
		s.joinNode(otherNode)
		for _, namespace := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
			s.fillNamespace(namespace)
		}
		for _, namespace := range []string{"shop", "ci", "monitoring", "vault"} {
			s.namespace("kubernetes-admin", namespace)
		}
		s.create("kubernetes-admin", roleBinding("shop", "developers", "ClusterRole", "edit", "Group", "developers"))
		s.serviceAccount("kubernetes-admin", "ci", "deployer")
		s.login("ci", "deployer")
		s.create("kubernetes-admin", roleBinding("shop", "deployer", "ClusterRole", "edit", "ServiceAccount", "ci/deployer"))
		for _, who := range []string{"alice", deployer} {
			s.allowed(who, "shop", "patch", "deployments.apps", "")
			s.allowed(who, "shop", "get", "pods", "")
		}
		s.create("kubernetes-admin", pod("shop", "web", ""))
		s.run("shop", "web")
	},
	want: []want{
		{rule: "Cluster-admin rights granted", user: "kubernetes-super-admin", target: "operators"},
		{rule: "Secret or service account created in a system namespace", user: "kubernetes-admin", target: "bootstrap-token-abcdef"},
	},
}

// serviceAccount creates a service account.
func (s *scene) serviceAccount(who, namespace, name string) {
	s.create(who, fmt.Sprintf("{apiVersion: v1, kind: ServiceAccount, metadata: {name: %s, namespace: %s}}", name, namespace))
}

// login has the controller manager fetch a token for a service account, which can act from then on.
func (s *scene) login(namespace, name string) {
	request, err := s.as(controllerManager).CoreV1().ServiceAccounts(namespace).CreateToken(ctx(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	s.ok(err)
	s.tokens["system:serviceaccount:"+namespace+":"+name] = request.Status.Token
}

// namespace creates a namespace with labels, each written "KEY: VALUE"; the controllers fill it.
func (s *scene) namespace(who, name string, labels ...string) {
	s.create(who, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {%s}}}", name, strings.Join(labels, ", ")))
	s.fillNamespace(name)
}

func (s *scene) fillNamespace(name string) {
	s.serviceAccount(controllers+"service-account-controller", name, "default")
	s.create(controllers+"root-ca-cert-publisher", fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: kube-root-ca.crt, namespace: %s}, data: {ca.crt: %q}}", name, s.ca.pem))
}

// aggregate gives a role the rules of those that it selects, which is what clusterrole-aggregation-controller does.
func (s *scene) aggregate(name string) {
	roles := s.as(controllers + "clusterrole-aggregation-controller").RbacV1().ClusterRoles()
	all, err := roles.List(ctx(), metav1.ListOptions{})
	s.ok(err)
	role, err := roles.Get(ctx(), name, metav1.GetOptions{})
	s.ok(err)
	var rules []*rbacapply.PolicyRuleApplyConfiguration
	for _, other := range all.Items {
		if other.Name != name && selects(s, role.AggregationRule, other.Labels) {
			for _, r := range other.Rules {
				rules = append(rules, rbacapply.PolicyRule().WithVerbs(r.Verbs...).WithAPIGroups(r.APIGroups...).
					WithResources(r.Resources...).WithResourceNames(r.ResourceNames...).WithNonResourceURLs(r.NonResourceURLs...))
			}
		}
	}
	s.done(roles.Apply(ctx(), rbacapply.ClusterRole(name).WithRules(rules...),
		metav1.ApplyOptions{FieldManager: "clusterrole-aggregation-controller", Force: true}))
}

func selects(s *scene, rule *rbacv1.AggregationRule, of map[string]string) bool {
	for i := range rule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&rule.ClusterRoleSelectors[i])
		s.ok(err)
		if selector.Matches(labels.Set(of)) {
			return true
		}
	}
	return false
}

// clusterInfo shows everybody what a joining node needs, as kubeadm init does.
func (s *scene) clusterInfo() {
	s.create("kubernetes-admin", "{apiVersion: v1, kind: ConfigMap, metadata: {name: cluster-info, namespace: kube-public}, data: {kubeconfig: 'apiVersion: v1'}}")
	s.create("kubernetes-admin", `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: "kubeadm:bootstrap-signer-clusterinfo", namespace: kube-public},
rules: [{verbs: [get], apiGroups: [""], resources: [configmaps], resourceNames: [cluster-info]}]}`)
	s.create("kubernetes-admin", roleBinding("kube-public", "kubeadm:bootstrap-signer-clusterinfo", "Role", "kubeadm:bootstrap-signer-clusterinfo", "User", anonymous))
}

// joiner is who joins with the token that kubeadm init makes.
const joiner = "system:bootstrap:abcdef"

// joinToken makes that token, and the rights that it gives.
func (s *scene) joinToken() {
	const secret = "0123456789abcdef"
	s.create("kubernetes-admin", "{apiVersion: v1, kind: Secret, metadata: {name: bootstrap-token-abcdef, namespace: kube-system}, type: bootstrap.kubernetes.io/token, "+
		"stringData: {token-id: abcdef, token-secret: "+secret+", usage-bootstrap-authentication: 'true', usage-bootstrap-signing: 'true', auth-extra-groups: '"+joiners+"'}}")
	s.tokens[joiner] = "abcdef." + secret
	s.create("kubernetes-admin", clusterRoleBinding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", "Group", joiners))
	s.create("kubernetes-admin", "{apiVersion: v1, kind: ConfigMap, metadata: {name: kubeadm-config, namespace: kube-system}, data: {ClusterConfiguration: 'kind: ClusterConfiguration'}}")
	s.create("kubernetes-admin", "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: 'kubeadm:nodes-kubeadm-config', namespace: kube-system}, rules: [{verbs: [get], apiGroups: [''], resources: [configmaps], resourceNames: [kubeadm-config]}]}")
	s.create("kubernetes-admin", roleBinding("kube-system", "kubeadm:nodes-kubeadm-config", "Role", "kubeadm:nodes-kubeadm-config", "Group", joiners))
}

// joinNode registers a node and reports its state, as its kubelet does.
func (s *scene) joinNode(name string) {
	who := "system:node:" + name
	s.create(who, fmt.Sprintf("{apiVersion: v1, kind: Node, metadata: {name: %s, labels: {kubernetes.io/hostname: %s, kubernetes.io/os: linux}}}", name, name))
	s.reportNode(name)
}

func (s *scene) reportNode(name string) {
	status := fmt.Sprintf(`{"status":{"addresses":[{"type":"InternalIP","address":%q}],"daemonEndpoints":{"kubeletEndpoint":{"Port":%d}},
"conditions":[{"type":"Ready","status":"True","reason":"KubeletReady","message":"posting ready status"}]}}`, s.kubelet.IP.String(), s.kubelet.Port)
	s.done(s.as("system:node:"+name).CoreV1().Nodes().Patch(ctx(), name, types.StrategicMergePatchType, []byte(status), metav1.PatchOptions{}, "status"))
}

// run brings a pod to life: the scheduler binds it to the first node, whose kubelet reports that it runs.
func (s *scene) run(namespace, name string) {
	s.ok(s.as("system:kube-scheduler").CoreV1().Pods(namespace).Bind(ctx(), &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Target: corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{}))
	status := `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"podIP":"10.244.0.9"}}`
	s.done(s.as("system:node:"+node).CoreV1().Pods(namespace).Patch(ctx(), name, types.StrategicMergePatchType, []byte(status), metav1.PatchOptions{}, "status"))
}

// pod is the manifest of a pod with a harmless container; more is added to its spec, as lines of YAML flow.
func pod(namespace, name, more string) string {
	if more != "" {
		more = ", " + more
	}
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s}, spec: {containers: [{name: app, image: registry.example/app:1.4}]%s}}", name, namespace, more)
}

// podWith is the manifest of a pod whose container has the given members beside its name and image.
func podWith(namespace, name, container string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s}, spec: {containers: [{name: app, image: registry.example/app:1.4, %s}]}}", name, namespace, container)
}

func clusterRoleBinding(name, role, kind, subject string) string {
	return fmt.Sprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: %q}, %s}", name, roleAndSubject("ClusterRole", role, kind, subject))
}

func roleBinding(namespace, name, roleKind, role, kind, subject string) string {
	return fmt.Sprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: %q, namespace: %s}, %s}", name, namespace, roleAndSubject(roleKind, role, kind, subject))
}

// roleAndSubject gives what a binding says. A service account is written NAMESPACE/NAME.
func roleAndSubject(roleKind, role, kind, subject string) string {
	subjects := fmt.Sprintf("{kind: %s, name: %q, apiGroup: rbac.authorization.k8s.io}", kind, subject)
	if namespace, name, found := strings.Cut(subject, "/"); found && kind == "ServiceAccount" {
		subjects = fmt.Sprintf("{kind: ServiceAccount, namespace: %s, name: %s}", namespace, name)
	}
	return fmt.Sprintf("roleRef: {apiGroup: rbac.authorization.k8s.io, kind: %s, name: %q}, subjects: [%s]", roleKind, role, subjects)
}

// clusterRole is the manifest of a role with one rule, all as lists of YAML flow.
func clusterRole(name, verbs, groups, resources string) string {
	return fmt.Sprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: %q}, rules: [{verbs: %s, apiGroups: %s, resources: %s}]}", name, verbs, groups, resources)
}
