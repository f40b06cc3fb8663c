import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** Calls a URL as any program does, and prints the status and the body. */
class Call {
  public static void main(String[] arguments) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(arguments[0])).build();
    var reply = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
    System.out.println(reply.statusCode() + " " + reply.body());
  }
}
