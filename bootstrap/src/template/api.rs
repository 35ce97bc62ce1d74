//! The HTTP API that the command talks to.

use serde_json::{Map, Value, json};

use super::parts::{get, log_group, reference, sub};

/// The HTTP API: every path needs a signature and `execute-api:Invoke`.
pub(super) fn api(resources: &mut Map<String, Value>) {
    resources.insert(
        "Api".into(),
        json!({
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": sub("${AWS::StackName}"), "ProtocolType": "HTTP",
                "Description": "Landfall: what the command talks to",
            },
        }),
    );
    resources.insert(
        "ApiIntegration".into(),
        json!({
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": reference("Api"), "IntegrationType": "AWS_PROXY", "IntegrationUri": reference("ApiLive"),
                "PayloadFormatVersion": "2.0",
            },
        }),
    );
    resources.insert(
        "ApiRoute".into(),
        json!({
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": reference("Api"), "RouteKey": "ANY /{proxy+}", "AuthorizationType": "AWS_IAM",
                "Target": sub("integrations/${ApiIntegration}"),
            },
        }),
    );
    resources.insert("ApiAccessLogs".into(), log_group("/aws/vendedlogs/apis/${AWS::StackName}"));
    resources.insert("ApiStage".into(), json!({
        "Type": "AWS::ApiGatewayV2::Stage",
        "Properties": {
            "ApiId": reference("Api"), "StageName": "$default", "AutoDeploy": true,
            "AccessLogSettings": {
                "DestinationArn": get("ApiAccessLogs", "Arn"),
                "Format": "{\"at\":\"$context.requestTime\",\"caller\":\"$context.identity.userArn\",\"method\":\"$context.httpMethod\",\"path\":\"$context.path\",\"status\":\"$context.status\",\"ms\":\"$context.responseLatency\",\"request\":\"$context.requestId\"}",
            },
            "DefaultRouteSettings": { "ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 50 },
        },
    }));
    resources.insert(
        "ApiPermission".into(),
        json!({
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": reference("ApiLive"),
                "Principal": "apigateway.amazonaws.com",
                "SourceArn": sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*"),
            },
        }),
    );
}
