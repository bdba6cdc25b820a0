import jakarta.xml.bind.JAXBContext;
import jakarta.xml.bind.Marshaller;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.transform.stream.StreamSource;

/** Reads documents with the classes that xjc has made of an XSD, and writes them back under the same names. */
public class RoundTrip {
    /** The arguments are a Java package, a folder with documents, and one for what is written. */
    public static void main(String[] arguments) throws Exception {
        JAXBContext context = JAXBContext.newInstance(arguments[0]);
        Marshaller marshaller = context.createMarshaller();
        try (var documents = Files.list(Path.of(arguments[1]))) {
            for (Path document : documents.toList()) {
                Object value = context.createUnmarshaller().unmarshal(new StreamSource(document.toFile()));
                marshaller.marshal(value, Path.of(arguments[2]).resolve(document.getFileName()).toFile());
            }
        }
    }
}
