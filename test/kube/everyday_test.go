package kube

import (
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// deployer is the service account of the continuous delivery, with a fetched token.
const deployer = "system:serviceaccount:ci:deployer"

// everydayDevelopment is what developers and their pipelines do all day. It gives no alert.
var everydayDevelopment = []scenario{
	{name: "deployment applied", act: func(s *scene) {
		s.apply("alice", deployment("shop", "cart", "1.4"))
		s.create(controllers+"deployment-controller", replicaSet("shop", "cart-5d89"))
		s.create(controllers+"replicaset-controller", generatedPod("shop", "cart-5d89-", "app: cart", ""))
		controller := s.as(controllers + "deployment-controller").AppsV1().Deployments("shop")
		cart, err := controller.Get(ctx(), "cart", metav1.GetOptions{})
		s.ok(err)
		cart.Status.ObservedGeneration, cart.Status.Replicas = 1, 1
		s.done(controller.UpdateStatus(ctx(), cart, metav1.UpdateOptions{}))
	}},
	{name: "deployment applied the old way and changed", act: func(s *scene) {
		s.clientSideApply("alice", deployment("shop", "pay", "1.0"))
		s.done(s.as("alice").AppsV1().Deployments("shop").Patch(ctx(), "pay", types.StrategicMergePatchType,
			[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"registry.example/pay:1.1"}]}}}}`), metav1.PatchOptions{FieldManager: "kubectl-client-side-apply"}))
	}},
	{name: "deployment scaled", act: func(s *scene) {
		s.done(s.as("alice").AppsV1().Deployments("shop").UpdateScale(ctx(), "cart",
			&autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "cart", Namespace: "shop"}, Spec: autoscalingv1.ScaleSpec{Replicas: 3}}, metav1.UpdateOptions{}))
	}},
	{name: "deployment restarted and rolled out", act: func(s *scene) {
		deployments := s.as("alice").AppsV1().Deployments("shop")
		s.done(deployments.Patch(ctx(), "cart", types.StrategicMergePatchType,
			[]byte(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-02T03:04:05Z"}}}}}`), metav1.PatchOptions{FieldManager: "kubectl-rollout"}))
		s.done(deployments.Get(ctx(), "cart", metav1.GetOptions{}))
		second := int64(1)
		watch, err := deployments.Watch(ctx(), metav1.ListOptions{FieldSelector: "metadata.name=cart", TimeoutSeconds: &second})
		s.ok(err)
		watch.Stop()
	}},
	{name: "deployment by the pipeline", act: func(s *scene) {
		s.apply(deployer, deployment("shop", "search", "2.0"))
		s.apply(deployer, "{apiVersion: v1, kind: ConfigMap, metadata: {name: search, namespace: shop}, data: {index: products, replicas: '3'}}")
		s.done(s.as(deployer).AppsV1().Deployments("shop").Get(ctx(), "search", metav1.GetOptions{}))
	}},
	{name: "services", act: func(s *scene) {
		s.apply("alice", service("shop", "cart", "ClusterIP"))
		s.apply("alice", service("shop", "front", "LoadBalancer"))
		s.apply("alice", "{apiVersion: v1, kind: Service, metadata: {name: peers, namespace: shop}, spec: {clusterIP: None, selector: {app: cart}, ports: [{port: 7000}]}}")
		s.create(controllers+"endpointslice-controller", "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: cart-1, namespace: shop, labels: {kubernetes.io/service-name: cart}}, addressType: IPv4, ports: [{name: '', port: 80}], endpoints: [{addresses: [10.244.0.9]}]}")
	}},
	{name: "config maps without secrets", act: func(s *scene) {
		s.apply("alice", "{apiVersion: v1, kind: ConfigMap, metadata: {name: cart, namespace: shop}, data: {log_level: info, password_file: /run/secrets/db, nginx.conf: \"server { listen 80; }\"}}")
		s.apply("alice", "{apiVersion: v1, kind: ConfigMap, metadata: {name: templates, namespace: shop}, data: {url: \"postgres://app:${DB_PASSWORD}@db/shop\", token_ttl: 15m, password_min_length: \"\"}}")
	}},
	{name: "ingress with TLS", act: func(s *scene) {
		s.apply("alice", "{apiVersion: v1, kind: Secret, metadata: {name: front-tls, namespace: shop}, type: kubernetes.io/tls, stringData: {tls.crt: certificate, tls.key: key}}")
		s.apply("alice", "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: front, namespace: shop}, spec: {tls: [{hosts: [shop.example], secretName: front-tls}], rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: front, port: {number: 80}}}}]}}]}}")
	}},
	{name: "logs read", act: func(s *scene) {
		s.done(s.as("alice").CoreV1().Pods("shop").GetLogs("web", &corev1.PodLogOptions{Container: "app"}).DoRaw(ctx()))
	}},
	{name: "everything of a namespace shown", act: func(s *scene) {
		c := s.as("alice")
		s.done(c.CoreV1().Pods("shop").List(ctx(), metav1.ListOptions{}))
		s.done(c.CoreV1().Services("shop").List(ctx(), metav1.ListOptions{}))
		s.done(c.AppsV1().Deployments("shop").List(ctx(), metav1.ListOptions{}))
		s.done(c.CoreV1().Events("shop").List(ctx(), metav1.ListOptions{}))
		s.done(c.CoreV1().Pods("shop").Get(ctx(), "web", metav1.GetOptions{}))
	}},
	{name: "API looked through", act: func(s *scene) {
		s.done(s.as("alice").Discovery().ServerPreferredResources())
		s.done(s.as("alice").Discovery().OpenAPIV3().Paths())
		s.done(s.as("alice").Discovery().ServerVersion())
	}},
	{name: "own rights asked for", act: func(s *scene) {
		s.done(s.as("alice").AuthorizationV1().SelfSubjectAccessReviews().Create(ctx(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "shop", Verb: "create", Resource: "pods"}},
		}, metav1.CreateOptions{}))
		s.done(s.as("alice").AuthenticationV1().SelfSubjectReviews().Create(ctx(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{}))
	}},
	{name: "dry runs", act: func(s *scene) {
		for _, manifest := range []string{podWith("shop", "tried", privileged), service("shop", "tried", "NodePort")} {
			resource, object := s.objects("alice", manifest)
			s.done(resource.Create(ctx(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}))
		}
		resource, object := s.objects("kubernetes-admin", clusterRoleBinding("tried", "cluster-admin", "User", "alice"))
		s.done(resource.Create(ctx(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}))
	}},
	{name: "pod deleted and evicted", act: func(s *scene) {
		s.create("alice", pod("shop", "short-lived", ""))
		s.ok(s.as("alice").CoreV1().Pods("shop").Delete(ctx(), "short-lived", metav1.DeleteOptions{}))
		s.create("alice", pod("shop", "moved", ""))
		s.ok(s.as("kubernetes-admin").PolicyV1().Evictions("shop").Evict(ctx(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "moved", Namespace: "shop"}}))
	}},
	{name: "cron job and its pods", act: func(s *scene) {
		s.apply("alice", "{apiVersion: batch/v1, kind: CronJob, metadata: {name: report, namespace: shop}, spec: {schedule: '0 3 * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: registry.example/report:1, resources: {limits: {memory: 64Mi}}}]}}}}}}")
		s.create(controllers+"cronjob-controller", "{apiVersion: batch/v1, kind: Job, metadata: {name: report-29000, namespace: shop}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: registry.example/report:1}]}}}}")
		s.create(controllers+"job-controller", generatedPod("shop", "report-29000-", "job-name: report-29000", ", restartPolicy: Never"))
	}},
	{name: "autoscaling", act: func(s *scene) {
		s.apply("alice", "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: cart, namespace: shop}, spec: {minReplicas: 1, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]}}")
		s.done(s.as(controllers+"horizontal-pod-autoscaler").AppsV1().Deployments("shop").GetScale(ctx(), "cart", metav1.GetOptions{}))
		s.done(s.as(controllers+"horizontal-pod-autoscaler").AppsV1().Deployments("shop").UpdateScale(ctx(), "cart",
			&autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "cart", Namespace: "shop"}, Spec: autoscalingv1.ScaleSpec{Replicas: 2}}, metav1.UpdateOptions{}))
	}},
	{name: "storage, budget and network policy", act: func(s *scene) {
		s.apply("alice", "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}")
		s.apply("alice", "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: cart, namespace: shop}, spec: {minAvailable: 1, selector: {matchLabels: {app: cart}}}}")
		s.apply("alice", "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: cart, namespace: shop}, spec: {podSelector: {matchLabels: {app: cart}}, ingress: [{from: [{podSelector: {matchLabels: {app: front}}}]}]}}")
	}},
	{name: "service account of an app", act: func(s *scene) {
		s.serviceAccount("alice", "shop", "cart")
		s.create("alice", pod("shop", "cart-worker", "serviceAccountName: cart, securityContext: {runAsNonRoot: true}"))
	}},
	{name: "pod with harmless volumes and capabilities", act: func(s *scene) {
		s.create("alice", pod("shop", "clock", "volumes: [{name: zone, hostPath: {path: /etc/localtime}}, {name: tmp, emptyDir: {}}]"))
		s.create("alice", podWith("shop", "low-port", "securityContext: {privileged: false, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}"))
	}},
}

func deployment(namespace, name, version string) string {
	return fmt.Sprintf("{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[2]s, namespace: %[1]s}, spec: {replicas: 1, selector: {matchLabels: {app: %[2]s}}, template: {metadata: {labels: {app: %[2]s}}, spec: {containers: [{name: app, image: 'registry.example/%[2]s:%[3]s', ports: [{containerPort: 8080}]}]}}}}", namespace, name, version)
}

func replicaSet(namespace, name string) string {
	return fmt.Sprintf("{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: %[2]s, namespace: %[1]s}, spec: {replicas: 1, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: app, image: 'registry.example/cart:1.4'}]}}}}", namespace, name)
}

// generatedPod is a pod as controllers make them: the API server completes its name.
func generatedPod(namespace, prefix, label, more string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {generateName: %s, namespace: %s, labels: {%s}}, spec: {containers: [{name: app, image: registry.example/app:1.4}]%s}}", prefix, namespace, label, more)
}

func service(namespace, name, kind string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: %[2]s, namespace: %[1]s}, spec: {type: %[3]s, selector: {app: %[2]s}, ports: [{port: 80, targetPort: 8080}]}}", namespace, name, kind)
}
