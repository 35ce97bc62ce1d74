"""Names of service-linked roles as AWS writes them. MiniStack derives them from the service's name and loses the
capitals inside.
"""

from ministack.services import iam

NAMES = {"autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling"}


def create(params):
    service = iam._p(params, "AWSServiceName")
    name = NAMES.get(service)
    if not name:
        return iam._create_service_linked_role(params)
    if name in iam._roles:
        message = f"Service role name {name} has been taken in this account, please try a different suffix."
        return iam._error(400, "InvalidInput", message, ns="iam")
    status, headers, body = iam._create_service_linked_role(params)
    made = f"AWSServiceRoleFor{service.split('.')[0].capitalize()}"
    role = iam._roles[made]
    del iam._roles[made]
    iam._roles[name] = {**role, "RoleName": name, "Arn": role["Arn"].replace(made, name)}
    return status, headers, body.replace(made.encode(), name.encode())


def install() -> None:
    iam._IAM_HANDLERS["CreateServiceLinkedRole"] = create
